#!/bin/bash
# Databases can be reached, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Check RDS instances
RDS_ENDPOINTS=$(aws rds describe-db-instances \
  --query 'DBInstances[?DBInstanceStatus==`available`].Endpoint.Address' \
  --output text)

for endpoint in $RDS_ENDPOINTS; do
  if nc -z "$endpoint" 5432 2>/dev/null || nc -z "$endpoint" 3306 2>/dev/null; then
    echo "Database connectivity: $endpoint"
  else
    echo "Database connectivity failed: $endpoint"
    exit 1
  fi
done
