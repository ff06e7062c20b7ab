variable "aws_region" {
  description = "Region of everything."
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "Name of this deployment. `production` gives the names of the documentation (schemahub-…); another one is put behind it (schemahub-test-…), so that several fit into one account."
  type        = string
  default     = "production"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment))
    error_message = "environment must be 1 to 16 lower-case letters, digits and dashes, beginning with a letter: it becomes part of the bucket's name."
  }
}

variable "tags" {
  description = "Tags of every resource, beside Project, Environment and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "exchanges" {
  description = "Exchanges that are collected and watched."
  type        = list(string)
  default     = ["coinbase"]
  validation {
    condition     = length(var.exchanges) > 0 && alltrue([for name in var.exchanges : contains(["coinbase", "binance", "kraken"], name)])
    error_message = "exchanges must name at least one of coinbase, binance, kraken."
  }
}

variable "image_tag" {
  description = "Tag of the container image in the ECR repository."
  type        = string
  default     = "latest"
}

variable "cpu_architecture" {
  description = "What the image was built for: X86_64 or ARM64 (20 % cheaper)."
  type        = string
  default     = "X86_64"
  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be X86_64 or ARM64."
  }
}

variable "ingest_cpu" {
  description = "CPU units of a task (1024 = one vCPU)."
  type        = number
  default     = 512
}

variable "ingest_memory" {
  description = "Memory of a task in MiB; Fargate offers 1024 to 4096 with 512 CPU units."
  type        = number
  default     = 1024
}

variable "ingest_task_count" {
  description = "Tasks that share one ingest by leases, each behind an address of its own."
  type        = number
  default     = 1
  validation {
    condition     = var.ingest_task_count >= 1 && var.ingest_task_count <= 10 && floor(var.ingest_task_count) == var.ingest_task_count
    error_message = "ingest_task_count must be a whole number 1 to 10."
  }
}

variable "use_spot" {
  description = "Run tasks on Fargate Spot, up to 70 % cheaper: a task that is taken away ends in a clean checkpoint and the next run goes on. ARM64 and X86_64 alike."
  type        = bool
  default     = true
}

variable "enable_scheduling" {
  description = "Run by itself. With false everything is there and nothing starts."
  type        = bool
  default     = true
}

variable "ingest_schedule" {
  description = "When ingest runs (UTC): every 3 h."
  type        = string
  default     = "cron(0 0/3 * * ? *)"
}

variable "transform_schedule" {
  description = "When the new records go into the table and are verified: every 3 h, half an hour after ingest."
  type        = string
  default     = "cron(30 0/3 * * ? *)"
}

variable "data_quality_schedule" {
  description = "When the table is judged: every 6 h."
  type        = string
  default     = "cron(0 1/6 * * ? *)"
}

variable "enable_step_functions" {
  description = "Make a state machine update-seed → ingest (ingest_task_count tasks) → transform → verify → quality, and let the ingest schedule start it; the transform schedule then rests."
  type        = bool
  default     = false
}

variable "seed_filter_regex" {
  description = "Products that the state machine's first step puts on the list: those whose id matches. Each product costs requests and storage (README)."
  type        = string
  default     = "^(BTC|ETH|SOL|XRP|ADA|AVAX|DOT|AAVE|ACH|ABT|WLD|W|PYTH|MATIC)-USD$"
  validation {
    condition     = !can(regex("['\\\\{}]", var.seed_filter_regex))
    error_message = "seed_filter_regex may hold no quote, backslash or brace: they mean something in a state machine's text."
  }
}

variable "use_exchange_keys" {
  description = "Give tasks the API keys of the secret. Public trades need none; put the values in first (README), or tasks cannot start."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "raw_ia_after_days" {
  description = "Days after which raw objects move to Standard-IA, which is read at once like Standard."
  type        = number
  default     = 90
  validation {
    condition     = var.raw_ia_after_days >= 30
    error_message = "raw_ia_after_days must be at least 30: S3 allows no less."
  }
}

variable "athena_scan_limit_gb" {
  description = "Gigabytes that one Athena query may scan before it is stopped; 100 GB cost $0.50."
  type        = number
  default     = 100
}

variable "alert_email" {
  description = "Address that alarms and budget mails go to; AWS asks it to confirm. Empty: nobody is told."
  type        = string
  default     = ""
}

variable "billing_alert_threshold_increment" {
  description = "Dollars between the four budget alerts of a month: 25 tells at 25, 50, 75 and 100."
  type        = number
  default     = 25
  validation {
    condition     = var.billing_alert_threshold_increment > 0
    error_message = "billing_alert_threshold_increment must be above 0."
  }
}

variable "stale_minutes" {
  description = "Minutes without a trade after which a product is stale."
  type        = number
  default     = 360
}

variable "lambda_zip" {
  description = "The built data-quality function; `npm start` or `pnpm build` makes it."
  type        = string
  default     = "../../apps/data-quality-lambda/dist/data-quality-lambda.zip"
}

variable "runbook_base_url" {
  description = "Where the pages of docs/operations are read; alarms link to them."
  type        = string
  default     = "https://github.com/schemahub/schemahub/blob/main/docs/operations"
}

variable "vpc_cidr" {
  description = "Addresses of the network that tasks run in."
  type        = string
  default     = "10.61.0.0/24"
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete a bucket that holds trades. False keeps them."
  type        = bool
  default     = false
}

variable "aws_endpoint" {
  description = "Endpoint of an AWS emulator, for tests. Empty: AWS."
  type        = string
  default     = ""
}
