# The Glue database, and what stands beside the table in it. `trades_unified` itself is an Iceberg table that SchemaHub makes
# and moves forward with every commit (docs/decisions/0020): Terraform would undo that pointer at each apply.
# catalog.json and ../sql come from packages/query (pnpm --filter @schemahub/query run generate).
locals {
  catalog = jsondecode(file("${path.module}/catalog.json"))
}

resource "aws_glue_catalog_database" "lake" {
  name        = local.database
  description = "SchemaHub: every public trade, typed, sorted, without duplicates"
}

# Raw records as they lie there: a query must name one product, so that no query reads all of them by mistake.
resource "aws_glue_catalog_table" "raw" {
  for_each      = toset(var.exchanges)
  name          = "raw_${each.key}_trades"
  database_name = aws_glue_catalog_database.lake.name
  description   = "What ${each.key} said, one JSON record a row"
  table_type    = "EXTERNAL_TABLE"
  parameters = {
    EXTERNAL                    = "TRUE"
    classification              = "json"
    "projection.enabled"        = "true"
    "projection.product.type"   = "injected"
    "storage.location.template" = "${local.lake_uri}/raw_${each.key}_trades/$${product}/"
  }
  partition_keys {
    name    = "product"
    type    = "string"
    comment = "folder of the product: BTC-USD"
  }
  storage_descriptor {
    location      = "${local.lake_uri}/raw_${each.key}_trades/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      parameters            = local.catalog.raw[each.key].serde
    }
    dynamic "columns" {
      for_each = local.catalog.raw[each.key].columns
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_glue_catalog_table" "checkpoints" {
  name          = "schemahub_checkpoints"
  database_name = aws_glue_catalog_database.lake.name
  description   = "Checkpoints as stored, one a product; ask schemahub_watermarks"
  table_type    = "EXTERNAL_TABLE"
  parameters = {
    EXTERNAL       = "TRUE"
    classification = "json"
  }
  storage_descriptor {
    location      = "${local.lake_uri}/checkpoints/"
    input_format  = "org.apache.hadoop.mapred.TextInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    ser_de_info {
      serialization_library = "org.openx.data.jsonserde.JsonSerDe"
      parameters            = { "ignore.malformed.json" = "true" }
    }
    dynamic "columns" {
      for_each = local.catalog.checkpoints.columns
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

# A view of Athena is a Glue table whose text is the statement, encoded as Presto encodes it.
resource "aws_glue_catalog_table" "view" {
  for_each           = local.catalog.views
  name               = each.key
  database_name      = aws_glue_catalog_database.lake.name
  description        = each.value.doc
  table_type         = "VIRTUAL_VIEW"
  view_expanded_text = "/* Presto View */"
  view_original_text = "/* Presto View: ${base64encode(jsonencode({
    originalSql = each.value.sql
    catalog     = "awsdatacatalog"
    schema      = local.database
    columns     = [for column in each.value.columns : { name = column.name, type = column.type }]
  }))} */"
  parameters = {
    presto_view = "true"
    comment     = "Presto View"
  }
  storage_descriptor {
    ser_de_info {
      name                  = "-"
      serialization_library = "-"
    }
    dynamic "columns" {
      for_each = each.value.columns
      content {
        name = columns.value.name
        type = columns.value.hive_type
      }
    }
  }
}

resource "aws_athena_workgroup" "lake" {
  name          = local.name
  description   = "SchemaHub: a scan limit, results kept for a week"
  force_destroy = true
  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_gb * 1024 * 1024 * 1024
    engine_version {
      selected_engine_version = "Athena engine version 3"
    }
    result_configuration {
      output_location = "s3://${aws_s3_bucket.lake.bucket}/athena-results/"
      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_athena_named_query" "question" {
  for_each    = fileset("${path.module}/../sql/athena", "*.sql")
  name        = trimsuffix(each.value, ".sql")
  description = "SchemaHub: ${trimsuffix(each.value, ".sql")}"
  workgroup   = aws_athena_workgroup.lake.id
  database    = aws_glue_catalog_database.lake.name
  query       = file("${path.module}/../sql/athena/${each.value}")
}
