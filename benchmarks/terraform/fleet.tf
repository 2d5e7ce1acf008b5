# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# The models are what the bucket holds. All of the listing is read; the provider stops at 1000 keys when it is not told.
data "aws_s3_objects" "models" {
  bucket   = var.bucket
  prefix   = "models/"
  max_keys = 1000000
}

locals {
  model_pattern = "^models/([^/]+)/([^/]+)/([^/]+-outer_[0-9]+_inner_[0-9]+)/"
  models = {
    for model in distinct(flatten([
      for key in data.aws_s3_objects.models.keys : [
        for parts in regexall(local.model_pattern, key) : join("/", parts)
      ]
    ])) : model => split("/", model)
  }
  subnets = [for zone in ["a", "b"] : aws_subnet.trading[zone].id]
}

resource "aws_instance" "trader" {
  for_each = local.models

  ami                    = data.aws_ami.host["trader"].id
  instance_type          = "t3.small"
  subnet_id              = local.subnets[parseint(substr(md5(each.key), 0, 1), 16) % 2]
  vpc_security_group_ids = [aws_security_group.trading.id]
  iam_instance_profile   = aws_iam_instance_profile.host["trader"].name
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
    Name        = "trading-server-${var.environment}-${each.value[1]}-${each.value[0]}-${each.value[2]}"
    Environment = var.environment
    Role        = "trader"
    ModelType   = each.value[0]
    Symbol      = each.value[1]
    ModelNumber = each.value[2]
  }
}

resource "aws_s3_bucket_policy" "models" {
  bucket = var.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowListBucket"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["trader"].arn }
        Action    = "s3:ListBucket"
        Resource  = local.bucket_arn
      },
      {
        Sid       = "AllowGetObject"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["trader"].arn }
        Action    = "s3:GetObject"
        Resource  = "${local.bucket_arn}/*"
      },
      {
        Sid       = "AllowPutObject"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.host["trader"].arn }
        Action    = "s3:PutObject"
        Resource  = ["${local.bucket_arn}/models/*/*/*/logs/*", "${local.bucket_arn}/models/*/*/*/trades/*"]
      },
    ]
  })
}
