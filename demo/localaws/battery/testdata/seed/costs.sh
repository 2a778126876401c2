#!/bin/bash
# Costs of this month, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Get current monthly costs
CURRENT_MONTH=$(date +%Y-%m-01)
CURRENT_COSTS=$(aws ce get-cost-and-usage \
  --time-period Start=$CURRENT_MONTH,End=$(date +%Y-%m-%d) \
  --granularity MONTHLY \
  --metrics BlendedCost \
  --query 'ResultsByTime[0].Total.BlendedCost.Amount' \
  --output text || echo "0")

echo "Current month costs: \$$(printf '%.2f' $CURRENT_COSTS)"
