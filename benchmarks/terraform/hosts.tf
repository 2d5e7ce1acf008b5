# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
locals {
  hosts = {
    ingest = {
      role    = "alpaca_instance_role_${var.environment}"
      profile = "alpaca_instance_profile_${var.environment}"
      policies = {
        "secretsmanager-access-${var.environment}" = [local.read_secret]
        "s3-config-read-${var.environment}"        = [local.read_configs, local.list_configs]
        "dashboard-access-${var.environment}"      = local.dashboard
      }
    }
    trader = {
      role    = "trading_server_instance_role_${var.environment}"
      profile = "trading_server_instance_profile_${var.environment}"
      policies = {
        "secretsmanager-access-${var.environment}" = [local.read_secret]
        "s3-list-access-${var.environment}"        = [local.list_models]
      }
    }
  }
  # By "kind/policy", as for_each takes no lists of lists.
  host_policies = merge([
    for kind, host in local.hosts : { for name, statements in host.policies : "${kind}/${name}" => statements }
  ]...)

  read_secret = {
    Sid      = "ReadSecretsOfWorkload"
    Effect   = "Allow"
    Action   = "secretsmanager:GetSecretValue"
    Resource = "arn:aws:secretsmanager:${var.region}:${local.account}:secret:github/ssh-key*"
  }
  read_configs = {
    Sid      = "ReadConfigs"
    Effect   = "Allow"
    Action   = "s3:GetObject"
    Resource = "${local.bucket_arn}/configs/*"
  }
  list_configs = {
    Sid       = "ListConfigs"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.bucket_arn
    Condition = { StringLike = { "s3:prefix" = "configs/*" } }
  }
  list_models = {
    Sid       = "ListModels"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.bucket_arn
    Condition = { StringLike = { "s3:prefix" = "models/*" } }
  }
  dashboard = [
    {
      Sid      = "SeeInstances"
      Effect   = "Allow"
      Action   = "ec2:DescribeInstances"
      Resource = "*"
    },
    {
      Sid      = "ReadTradesAndLogs"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = ["${local.bucket_arn}/models/*/*/*/trades/*", "${local.bucket_arn}/models/*/*/*/logs/*"]
    },
    local.list_models,
    {
      Sid      = "UseShellDocument"
      Effect   = "Allow"
      Action   = "ssm:SendCommand"
      Resource = "arn:aws:ssm:${var.region}::document/AWS-RunShellScript"
    },
    {
      Sid      = "AskTradersForTheirHealth"
      Effect   = "Allow"
      Action   = "ssm:SendCommand"
      Resource = "arn:aws:ec2:${var.region}:${local.account}:instance/*"
      Condition = {
        StringEquals = { "ssm:resourceTag/Environment" = var.environment, "ssm:resourceTag/Role" = "trader" }
      }
    },
    {
      Sid      = "ReadAnswers"
      Effect   = "Allow"
      Action   = ["ssm:GetCommandInvocation", "ssm:ListCommandInvocations"]
      Resource = "*"
    },
  ]
}

resource "aws_iam_role" "host" {
  for_each = local.hosts

  name = each.value.role
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "host" {
  for_each = local.hosts

  role       = aws_iam_role.host[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "host" {
  for_each = local.host_policies

  name   = split("/", each.key)[1]
  role   = aws_iam_role.host[split("/", each.key)[0]].name
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_instance_profile" "host" {
  for_each = local.hosts

  name = each.value.profile
  role = aws_iam_role.host[each.key].name
}

data "aws_ami" "host" {
  for_each = { ingest = "alpaca-websocket*", trader = "trading-server*" }

  owners      = ["self"]
  most_recent = true

  filter {
    name   = "name"
    values = [each.value]
  }
}

resource "aws_instance" "ingest" {
  ami                    = data.aws_ami.host["ingest"].id
  instance_type          = "t3.small"
  subnet_id              = aws_subnet.trading["a"].id
  vpc_security_group_ids = [aws_security_group.trading.id]
  iam_instance_profile   = aws_iam_instance_profile.host["ingest"].name
  user_data              = var.user_data

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 14
    encrypted   = true
  }

  tags = {
    Name        = "alpaca-websocket-ingest-${var.environment}"
    Environment = var.environment
    Role        = "ingest"
  }
}
