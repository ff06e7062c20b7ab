# Every alarm of SPEC §8 as one row: metric names are those of internal/observability, runbooks are pages of docs/operations
# (tools/infra.test.mjs compares both). `all` is the Source of numbers about the whole table.
locals {
  source_alarms = {
    rate-limits-warning  = { metric = "RateLimitErrors", stat = "Sum", period = 60, test = ">", threshold = 10, runbook = "rate-limits", text = "More than 10 answers 429 in a minute." }
    rate-limits-critical = { metric = "RateLimitErrors", stat = "Sum", period = 60, test = ">", threshold = 50, runbook = "rate-limits", text = "CRITICAL: more than 50 answers 429 in a minute." }
    timeouts             = { metric = "TimeoutErrors", stat = "Sum", period = 60, test = ">", threshold = 5, runbook = "exchange-errors", text = "More than 5 time-outs in a minute." }
    server-errors        = { metric = "ServerErrors", stat = "Sum", period = 300, test = ">=", threshold = 1, runbook = "exchange-errors", text = "The exchange answered 5xx." }
    connection-errors    = { metric = "ConnectionErrors", stat = "Sum", period = 300, test = ">=", threshold = 1, runbook = "exchange-errors", text = "Connections to the exchange broke." }
    circuit-opened       = { metric = "CircuitBreakerOpens", stat = "Sum", period = 300, test = ">=", threshold = 1, runbook = "circuit-open", text = "The circuit breaker opened: the exchange failed five times in a row." }
  }
  table_alarms = {
    health-degraded = { metric = "OverallHealthScore", stat = "Minimum", period = 21600, test = "<", threshold = 80, runbook = "data-quality", text = "The table's health score is below 80." }
    health-critical = { metric = "OverallHealthScore", stat = "Minimum", period = 21600, test = "<", threshold = 50, runbook = "data-quality", text = "CRITICAL: the table's health score is below 50." }
    duplicates      = { metric = "DuplicateTrades", stat = "Maximum", period = 21600, test = ">", threshold = 0, runbook = "duplicates", text = "A trade stands twice in the table." }
    missing         = { metric = "MissingTrades", stat = "Maximum", period = 21600, test = ">", threshold = 0, runbook = "missing-trades", text = "Trades are missing." }
    stale           = { metric = "StaleProducts", stat = "Maximum", period = 21600, test = ">", threshold = 0, runbook = "stale-products", text = "Products have had no trade for too long." }
    no-new-records  = { metric = "DailyRecords", stat = "Maximum", period = 21600, test = "<=", threshold = 0, runbook = "no-new-records", text = "No record in the last 24 hours." }
  }
  task_alarms = {
    failed     = { evaluations = 1, runbook = "task-failed", text = "ended with exit code 1, was killed, or could not be started." }
    refused    = { evaluations = 1, runbook = "task-refused", text = "ended with exit code 2 (configuration) or 4 (damage, conflict, quarantine)." }
    incomplete = { evaluations = 2, runbook = "task-incomplete", text = "ended twice running with exit code 3 (incomplete) or 6 (exchange unavailable)." }
  }
  operators = {
    ">"  = "GreaterThanThreshold"
    ">=" = "GreaterThanOrEqualToThreshold"
    "<"  = "LessThanThreshold"
    "<=" = "LessThanOrEqualToThreshold"
  }
  alarms = merge(
    { for pair in setproduct(var.exchanges, keys(local.source_alarms)) : "${pair[0]}-${pair[1]}" => merge(local.source_alarms[pair[1]], { source = pair[0] }) },
    { for key, alarm in local.table_alarms : key => merge(alarm, { source = "all" }) },
  )
  # Of the error rate. Requests that succeeded and the four ways to fail.
  error_metrics  = ["RateLimitErrors", "ServerErrors", "TimeoutErrors", "ConnectionErrors"]
  request_metric = "APISuccessCount"
}

resource "aws_cloudwatch_metric_alarm" "metric" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.text} Runbook: ${var.runbook_base_url}/${each.value.runbook}.md"
  namespace           = "SchemaHub"
  metric_name         = each.value.metric
  dimensions          = { Source = each.value.source }
  statistic           = each.value.stat
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = local.operators[each.value.test]
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}

# (RateLimitErrors + ServerErrors + TimeoutErrors + ConnectionErrors) ÷ (APISuccessCount + these) ≥ 3 %
resource "aws_cloudwatch_metric_alarm" "error_rate" {
  for_each            = toset(var.exchanges)
  alarm_name          = "${local.name}-${each.key}-error-rate"
  alarm_description   = "At least 3 % of the requests to ${each.key} failed. Runbook: ${var.runbook_base_url}/exchange-errors.md"
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]

  dynamic "metric_query" {
    for_each = { for index, metric in concat([local.request_metric], local.error_metrics) : "m${index}" => metric }
    content {
      id = metric_query.key
      metric {
        namespace   = "SchemaHub"
        metric_name = metric_query.value
        dimensions  = { Source = each.key }
        stat        = "Sum"
        period      = 300
      }
    }
  }
  metric_query {
    id          = "errors"
    expression  = "FILL(m1,0)+FILL(m2,0)+FILL(m3,0)+FILL(m4,0)"
    label       = "errors"
    return_data = false
  }
  metric_query {
    id          = "rate"
    expression  = "100*errors/(FILL(m0,0)+errors)"
    label       = "error rate (%)"
    return_data = true
  }
}

# Nothing that was in the table may leave it.
resource "aws_cloudwatch_metric_alarm" "shrunk" {
  alarm_name          = "${local.name}-fewer-records"
  alarm_description   = "The table holds fewer records than the day before. Runbook: ${var.runbook_base_url}/fewer-records.md"
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
  metric_query {
    id = "total"
    metric {
      namespace   = "SchemaHub"
      metric_name = "TotalRecords"
      dimensions  = { Source = "all" }
      stat        = "Minimum"
      period      = 86400
    }
  }
  metric_query {
    id          = "growth"
    expression  = "DIFF(total)"
    label       = "records more than the day before"
    return_data = true
  }
}

# `incomplete` looks at two runs: its period is the time between them.
resource "aws_cloudwatch_metric_alarm" "task" {
  for_each            = { for pair in setproduct(keys(local.task_commands), keys(local.task_alarms)) : "${pair[0]}-${pair[1]}" => { task = pair[0], kind = pair[1], alarm = local.task_alarms[pair[1]] } }
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "Task ${local.name}-${each.value.task} ${each.value.alarm.text} Runbook: ${var.runbook_base_url}/${each.value.alarm.runbook}.md"
  namespace           = "SchemaHub/Tasks"
  metric_name         = "Task${title(each.value.kind)}"
  dimensions          = { Group = "family:${local.name}-${each.value.task}" }
  statistic           = "Sum"
  period              = each.value.alarm.evaluations == 1 ? 300 : 10800
  evaluation_periods  = each.value.alarm.evaluations
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
}

resource "aws_cloudwatch_metric_alarm" "lambda_errors" {
  alarm_name          = "${local.name}-data-quality-failed"
  alarm_description   = "The data-quality function failed: the table was not judged. Runbook: ${var.runbook_base_url}/data-quality-failed.md"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.data_quality.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}

resource "aws_cloudwatch_metric_alarm" "not_started" {
  alarm_name          = "${local.name}-not-started"
  alarm_description   = "A schedule could not start what it should. Runbook: ${var.runbook_base_url}/not-started.md"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.not_started.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
}
