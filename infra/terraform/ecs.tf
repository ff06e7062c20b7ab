resource "aws_cloudwatch_log_group" "ecs" {
  name              = "/ecs/${local.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "main" {
  name = local.name
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = aws_ecs_cluster.main.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
  default_capacity_provider_strategy {
    capacity_provider = local.capacity_provider
    weight            = 1
  }
}

locals {
  capacity_provider = var.use_spot ? "FARGATE_SPOT" : "FARGATE"

  # One image for every command; a task definition is its usual command. Another one is given as a container override.
  # The transform task runs the pipeline: it fetches what came since, adds it to the table and writes the certificate.
  task_commands = {
    ingest    = concat(["run", "ingest"], var.exchanges)
    transform = concat(["run", "pipeline"], var.exchanges)
  }
}

resource "aws_ecs_task_definition" "task" {
  for_each                 = local.task_commands
  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.ingest_cpu
  memory                   = var.ingest_memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.cpu_architecture
  }

  # The root is read-only; this is the image's /tmp.
  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = "${aws_ecr_repository.image.repository_url}:${var.image_tag}"
    essential              = true
    command                = each.value
    cpu                    = var.ingest_cpu
    memory                 = var.ingest_memory
    user                   = "1000:1000"
    readonlyRootFilesystem = true
    # SIGTERM drains and writes a checkpoint; Fargate waits at most 120 s.
    stopTimeout = 120
    environment = [for name in sort(keys(local.task_environment)) : { name = name, value = local.task_environment[name] }]
    secrets = var.use_exchange_keys ? [
      for name in local.exchange_keys : { name = name, valueFrom = "${aws_secretsmanager_secret.exchange_keys.arn}:${name}::" }
    ] : []
    mountPoints    = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    portMappings   = []
    volumesFrom    = []
    systemControls = []
    linuxParameters = {
      capabilities = { add = [], drop = ["ALL"] }
      devices      = []
      tmpfs        = []
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.ecs.name
        awslogs-region        = var.aws_region
        awslogs-stream-prefix = each.key
      }
    }
  }])
}
