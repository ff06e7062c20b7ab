locals {
  is_emulated = var.aws_endpoint != ""
  name        = var.environment == "production" ? "schemahub" : "schemahub-${var.environment}"
  account     = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  lake_prefix = "schemahub"
  lake_uri    = "s3://${aws_s3_bucket.lake.bucket}/${local.lake_prefix}"
  database    = replace(local.name, "-", "_")

  # What every task is told; the names are those of .env.example (tools/infra.test.mjs compares).
  task_environment = {
    AWS_REGION            = var.aws_region
    S3_BUCKET             = aws_s3_bucket.lake.bucket
    DYNAMODB_LOCKS_TABLE  = aws_dynamodb_table.locks.name
    DYNAMODB_HEALTH_TABLE = aws_dynamodb_table.exchange_health.name
    ATHENA_DATABASE       = aws_glue_catalog_database.lake.name
    ATHENA_WORKGROUP      = aws_athena_workgroup.lake.name
    SCHEMAHUB_METRICS     = "cloudwatch"
    SCHEMAHUB_LOG_FORMAT  = "json"
    SCHEMAHUB_ICEBERG     = "glue"
  }
  lambda_environment = {
    S3_BUCKET               = aws_s3_bucket.lake.bucket
    ATHENA_DATABASE         = aws_glue_catalog_database.lake.name
    ATHENA_WORKGROUP        = aws_athena_workgroup.lake.name
    SCHEMAHUB_STALE_MINUTES = tostring(var.stale_minutes)
    SNS_TOPIC_ARN           = aws_sns_topic.alerts.arn
  }

  # Members of the secret that become environment variables of a task.
  exchange_keys = flatten([for exchange in var.exchanges : {
    coinbase = ["COINBASE_API_KEY", "COINBASE_API_SECRET", "COINBASE_API_PASSPHRASE"]
    binance  = ["BINANCE_API_KEY", "BINANCE_API_SECRET"]
    kraken   = ["KRAKEN_API_KEY"]
  }[exchange]])
}
