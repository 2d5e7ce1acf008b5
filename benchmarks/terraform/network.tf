# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
locals {
  network_tags = {
    Name        = "trading-${var.environment}"
    Environment = var.environment
  }
}

resource "aws_vpc" "trading" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = local.network_tags
}

resource "aws_internet_gateway" "trading" {
  vpc_id = aws_vpc.trading.id
  tags   = local.network_tags
}

resource "aws_subnet" "trading" {
  for_each = { a = "10.20.0.0/20", b = "10.20.16.0/20" }

  vpc_id                  = aws_vpc.trading.id
  availability_zone       = "${var.region}${each.key}"
  cidr_block              = each.value
  map_public_ip_on_launch = true
  tags                    = local.network_tags
}

resource "aws_route_table" "trading" {
  vpc_id = aws_vpc.trading.id
  tags   = local.network_tags

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.trading.id
  }
}

resource "aws_route_table_association" "trading" {
  for_each = aws_subnet.trading

  subnet_id      = each.value.id
  route_table_id = aws_route_table.trading.id
}

resource "aws_security_group" "trading" {
  name        = "trading-${var.environment}"
  description = "Hosts of the trading environment ${var.environment}"
  vpc_id      = aws_vpc.trading.id
  tags        = local.network_tags

  ingress {
    description = "NATS, from the hosts of the environment"
    protocol    = "tcp"
    from_port   = 4222
    to_port     = 4222
    self        = true
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}
