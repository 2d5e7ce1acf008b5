# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
locals {
  schedules = {
    "alpaca-websocket-lambda-daily-9am-est-${var.environment}" = {
      cron     = "cron(30 8 ? * MON-FRI *)"
      function = "ingest"
      age      = 3600
      attempts = 10
      input    = {}
    }
    "trading-server-shutdown-schedule-${var.environment}" = {
      cron     = "cron(5 16 ? * * *)"
      function = "shutdown"
      age      = 21600
      attempts = 185
      input    = {}
    }
    "trading-server-shutdown-early-schedule-${var.environment}" = {
      cron     = "cron(5 13 ? * * *)"
      function = "shutdown"
      age      = 21600
      attempts = 185
      input    = { only_on_early_close = true }
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name = "eventbridge-scheduler-invoke-lambda-${var.environment}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "scheduler-invoke-lambda-${var.environment}"
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeControllers"
      Effect   = "Allow"
      Action   = "lambda:InvokeFunction"
      Resource = [for name in ["ingest", "shutdown"] : aws_lambda_function.controller[name].arn]
    }]
  })
}

resource "aws_scheduler_schedule" "controller" {
  for_each = local.schedules

  name                         = each.key
  schedule_expression          = each.value.cron
  schedule_expression_timezone = "America/New_York"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.controller[each.value.function].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode(merge({ scheduled_time = "<aws.scheduler.scheduled-time>" }, each.value.input))

    retry_policy {
      maximum_event_age_in_seconds = each.value.age
      maximum_retry_attempts       = each.value.attempts
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}
