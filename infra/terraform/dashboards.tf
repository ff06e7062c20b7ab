# Two dashboards as tables of panels: a row of the table is [title, metric names, statistic, period in seconds, view, options].
# A dashboard is 24 units wide; a panel's place follows from its number.
locals {
  view_options = {
    number = { view = "singleValue", setPeriodToTimeRange = false }
    line   = { view = "timeSeries", stacked = false }
    bar    = { view = "bar" }
    gauge  = { view = "gauge", yAxis = { left = { min = 0, max = 100 } } }
  }

  quality_panels = [
    { title = "Total records", metrics = ["TotalRecords"], stat = "Maximum", period = 21600, view = "number", extra = {} },
    { title = "Parquet GB", metrics = ["ParquetBytes"], stat = "Maximum", period = 21600, view = "number", extra = {}, expression = "m0/1000000000" },
    { title = "Years of history", metrics = ["HistoryYears"], stat = "Maximum", period = 21600, view = "number", extra = {} },
    { title = "Active products", metrics = ["ActiveProducts"], stat = "Maximum", period = 21600, view = "number", extra = {}, sources = var.exchanges },
    { title = "Health score", metrics = ["OverallHealthScore"], stat = "Minimum", period = 21600, view = "gauge", extra = { annotations = { horizontal = [{ value = 80, label = "degraded", color = "#ff7f0e" }, { value = 50, label = "critical", color = "#d62728" }] } } },
    { title = "Daily growth (records)", metrics = ["DailyGrowth", "DailyRecords"], stat = "Maximum", period = 21600, view = "line", extra = {} },
    { title = "Completeness %", metrics = ["DataCompleteness"], stat = "Minimum", period = 21600, view = "line", extra = { yAxis = { left = { min = 0, max = 100 } } } },
    { title = "Missing trades", metrics = ["MissingTrades"], stat = "Maximum", period = 21600, view = "line", extra = {} },
    { title = "Void ids (never issued, attested)", metrics = ["VoidTrades"], stat = "Maximum", period = 21600, view = "line", extra = {} },
    { title = "Duplicate trades", metrics = ["DuplicateTrades"], stat = "Maximum", period = 21600, view = "line", extra = {} },
    { title = "Stale products", metrics = ["StaleProducts"], stat = "Maximum", period = 21600, view = "line", extra = {} },
    { title = "Growth of the table (records)", metrics = ["TotalRecords"], stat = "Maximum", period = 86400, view = "line", extra = {} },
  ]

  # Per exchange: one line for each of var.exchanges and metric.
  operation_panels = [
    { title = "Runs in 24 h", metrics = ["JobRuns", "JobFailures"], stat = "Sum", period = 86400, view = "number", extra = {} },
    { title = "Trades in 24 h", metrics = ["IngestCount", "TransformRecords"], stat = "Sum", period = 86400, view = "number", extra = {} },
    { title = "Products in 24 h", metrics = ["ProductsProcessed"], stat = "Maximum", period = 86400, view = "number", extra = {} },
    { title = "API successes", metrics = ["APISuccessCount"], stat = "Sum", period = 300, view = "line", extra = {} },
    { title = "Mean response (ms)", metrics = ["ExchangeResponseTime"], stat = "Average", period = 300, view = "line", extra = {} },
    { title = "p95 response (ms)", metrics = ["ResponseTimeP95"], stat = "Maximum", period = 300, view = "line", extra = {} },
    { title = "Throughput (trades/s)", metrics = ["TradesPerSecond"], stat = "Average", period = 300, view = "line", extra = {} },
    { title = "Age of the newest trade (minutes)", metrics = ["DataAgeMinutes"], stat = "Maximum", period = 300, view = "line", extra = {} },
    { title = "Job and commit time (s)", metrics = ["JobDurationSeconds", "CommitSeconds"], stat = "Maximum", period = 300, view = "line", extra = {} },
  ]
  error_panels = [
    { title = "Rate limits (429)", metrics = ["RateLimitErrors"], stat = "Sum", period = 60, view = "line", extra = { annotations = { horizontal = [{ value = 10, label = "warning" }, { value = 50, label = "critical" }] } } },
    { title = "Server errors (5xx)", metrics = ["ServerErrors"], stat = "Sum", period = 300, view = "line", extra = {} },
    { title = "Time-outs", metrics = ["TimeoutErrors"], stat = "Sum", period = 60, view = "line", extra = { annotations = { horizontal = [{ value = 5, label = "alarm" }] } } },
    { title = "Connection errors", metrics = ["ConnectionErrors"], stat = "Sum", period = 300, view = "line", extra = {} },
    { title = "Circuit (0 closed, 0.5 half-open, 1 open)", metrics = ["CircuitBreakerState", "ExchangeHealthy", "ExchangeErrorRate"], stat = "Maximum", period = 300, view = "line", extra = { yAxis = { left = { min = 0, max = 1 } } } },
    { title = "Circuit opened", metrics = ["CircuitBreakerOpens"], stat = "Sum", period = 300, view = "bar", extra = {} },
  ]

  # Metrics of a panel for some sources; a panel with an expression hides its metrics and shows that.
  panels = {
    for name, group in {
      quality    = { rows = local.quality_panels, sources = ["all"] }
      operations = { rows = local.operation_panels, sources = var.exchanges }
      errors     = { rows = local.error_panels, sources = var.exchanges }
      } : name => [for panel in group.rows : merge(local.view_options[panel.view], {
        title  = panel.title
        region = var.aws_region
        stat   = panel.stat
        period = panel.period
        metrics = concat(
          [for index, pair in setproduct(panel.metrics, try(panel.sources, group.sources)) : ["SchemaHub", pair[0], "Source", pair[1], { id = "m${index}", visible = !can(panel.expression) }]],
          can(panel.expression) ? [[{ expression = panel.expression, label = panel.title, id = "e" }]] : [],
        )
    }, panel.extra)]
  }

  lambda_panel = {
    title   = "Lambda invocations and errors"
    view    = "timeSeries"
    stacked = false
    region  = var.aws_region
    stat    = "Sum"
    period  = 3600
    metrics = [
      ["AWS/Lambda", "Invocations", "FunctionName", aws_lambda_function.data_quality.function_name],
      ["AWS/Lambda", "Errors", "FunctionName", aws_lambda_function.data_quality.function_name],
    ]
  }

  error_rate_panel = {
    title   = "Error rate (%)"
    view    = "timeSeries"
    stacked = false
    region  = var.aws_region
    stat    = "Sum"
    period  = 300
    metrics = concat([for number, exchange in var.exchanges :
      concat(
        [for index, metric in concat([local.request_metric], local.error_metrics) : ["SchemaHub", metric, "Source", exchange, { id = "m${number}_${index}", visible = false }]],
        [[{ expression = "100*(FILL(m${number}_1,0)+FILL(m${number}_2,0)+FILL(m${number}_3,0)+FILL(m${number}_4,0))/(FILL(m${number}_0,0)+FILL(m${number}_1,0)+FILL(m${number}_2,0)+FILL(m${number}_3,0)+FILL(m${number}_4,0))", label = exchange, id = "rate${number}" }]],
      )
    ]...)
    annotations = { horizontal = [{ value = 3, label = "3 %", color = "#d62728" }] }
  }
}

resource "aws_cloudwatch_dashboard" "data_quality" {
  dashboard_name = "${local.name}-data-quality"
  dashboard_body = jsonencode({ widgets = [for index, properties in local.panels.quality : {
    type = "metric", x = (index % 6) * 4, y = floor(index / 6) * 6, width = 4, height = 6, properties = properties
  }] })
}

resource "aws_cloudwatch_dashboard" "operations" {
  dashboard_name = "${local.name}-dashboard"
  dashboard_body = jsonencode({ widgets = concat(
    # Rows 1 to 3: what ran, how the exchange answers, how fast.
    [for index, properties in concat(slice(local.panels.operations, 0, 3), [local.lambda_panel]) : {
      type = "metric", x = index * 6, y = 0, width = 6, height = 5, properties = properties
    }],
    [for index, properties in slice(local.panels.operations, 3, 6) : {
      type = "metric", x = index * 8, y = 5, width = 8, height = 6, properties = properties
    }],
    [for index, properties in slice(local.panels.operations, 6, 9) : {
      type = "metric", x = index * 8, y = 11, width = 8, height = 6, properties = properties
    }],
    [{ type = "text", x = 0, y = 17, width = 24, height = 1, properties = { markdown = "## Operational Error Metrics" } }],
    [for index, properties in concat(slice(local.panels.errors, 0, 4), [local.error_rate_panel], slice(local.panels.errors, 4, 6)) : {
      type = "metric", x = (index % 4) * 6, y = 18 + floor(index / 4) * 6, width = 6, height = 6, properties = properties
    }],
  ) })
}

# Saved queries of Logs Insights over the tasks' JSON lines; the texts are tested against real log output. The emulator knows no
# saved queries.
resource "aws_cloudwatch_query_definition" "saved" {
  for_each        = local.is_emulated ? {} : jsondecode(file("${path.module}/../../internal/observability/saved-queries.json"))
  name            = "${local.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.ecs.name]
  query_string    = each.value
}
