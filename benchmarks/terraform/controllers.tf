# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
locals {
  functions = {
    ingest = {
      name   = "AlpacaWebsocketLambda_${var.environment}"
      role   = "alpaca_websocket_lambda_role_${var.environment}"
      policy = "alpaca_websocket_lambda_policy_${var.environment}"
      starts = ["ingest"]
      stops  = ["ingest"]
      tag    = "Repairs"
    }
    fleet = {
      name   = "TradingServerLambda_${var.environment}"
      role   = "trading_server_lambda_role_${var.environment}"
      policy = "trading_server_lambda_policy_${var.environment}"
      starts = ["trader"]
      stops  = ["trader"]
      tag    = "Repairs"
    }
    shutdown = {
      name   = "TradingServerShutdownLambda_${var.environment}"
      role   = "trading_server_shutdown_lambda_role_${var.environment}"
      policy = "trading_server_shutdown_lambda_policy_${var.environment}"
      starts = []
      stops  = ["ingest", "trader"]
      tag    = "StoppedAt"
    }
  }
  instances = "arn:aws:ec2:${var.region}:${local.account}:instance/*"
}

resource "aws_sns_topic" "alerts" {
  name = "trading-alerts-${var.environment}"
}

resource "aws_iam_policy" "function" {
  for_each = local.functions

  name = each.value.policy
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid    = "SeeHosts"
        Effect = "Allow"
        Action = concat(
          ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:ListCommands"],
          ["ssm:ListCommandInvocations", "ssm:GetCommandInvocation"],
          [for _ in each.value.starts : "ec2:DescribeInstanceStatus"],
        )
        Resource = "*"
        }], [for role in each.value.starts : {
        Sid      = "StartHosts"
        Effect   = "Allow"
        Action   = "ec2:StartInstances"
        Resource = local.instances
        Condition = {
          StringEquals = { "aws:ResourceTag/Environment" = var.environment, "aws:ResourceTag/Role" = role }
        }
      }], [
      {
        Sid      = "TagHosts"
        Effect   = "Allow"
        Action   = "ec2:CreateTags"
        Resource = local.instances
        Condition = {
          StringEquals                = { "aws:ResourceTag/Environment" = var.environment, "aws:ResourceTag/Role" = each.value.stops }
          "ForAllValues:StringEquals" = { "aws:TagKeys" = [each.value.tag] }
        }
      },
      {
        Sid      = "StopHosts"
        Effect   = "Allow"
        Action   = "ec2:StopInstances"
        Resource = local.instances
        Condition = {
          StringEquals = { "aws:ResourceTag/Environment" = var.environment, "aws:ResourceTag/Role" = each.value.stops }
        }
      },
      {
        Sid      = "UseShellDocument"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "arn:aws:ssm:${var.region}::document/AWS-RunShellScript"
      },
      {
        Sid      = "RunCommands"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = local.instances
        Condition = {
          StringEquals = {
            "ssm:resourceTag/Environment" = var.environment
            "ssm:resourceTag/Role"        = concat(each.value.starts, ["trader"])[0]
          }
        }
      },
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:aws:logs:${var.region}:${local.account}:log-group:/aws/lambda/${each.value.name}:*"
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = aws_sns_topic.alerts.arn
      },
    ])
  })
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name = each.value.role
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "function" {
  for_each = local.functions

  role       = aws_iam_role.function[each.key].name
  policy_arn = aws_iam_policy.function[each.key].arn
}

resource "aws_iam_role_policy" "chain" {
  for_each = toset(["AllowAlpacaInvokeTradingServer_${var.environment}", "alpaca-websocket-invoke-trading-${var.environment}"])

  name = each.key
  role = aws_iam_role.function["ingest"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeTradingServer"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = aws_lambda_function.controller["fleet"].arn
    }]
  })
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${each.value.name}"
  retention_in_days = 90
}

resource "aws_lambda_function" "controller" {
  for_each = local.functions

  function_name    = each.value.name
  role             = aws_iam_role.function[each.key].arn
  runtime          = "python3.13"
  handler          = "lambda_function.lambda_handler"
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")
  timeout          = 900
  memory_size      = 512

  environment {
    variables = {
      ENVIRONMENT                = var.environment
      GITHUB_SECRET_ID           = "github/ssh-key"
      WEBSOCKET_INSTANCE_NAME    = "alpaca-websocket-ingest-${var.environment}"
      TRADING_SERVER_NAME_PREFIX = "trading-server-${var.environment}-"
      MAX_RETRIES                = "2"
    }
  }

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy_attachment.function]
}

resource "aws_lambda_function_event_invoke_config" "controller" {
  for_each = local.functions

  function_name                = aws_lambda_function.controller[each.key].function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 3600

  destination_config {
    dynamic "on_success" {
      for_each = each.key == "ingest" ? [aws_lambda_function.controller["fleet"].arn] : []

      content {
        destination = on_success.value
      }
    }

    on_failure {
      destination = aws_sns_topic.alerts.arn
    }
  }

  depends_on = [aws_iam_role_policy.chain]
}
