#!/bin/bash
# Backup retention of all databases, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Check RDS automated backups
RDS_INSTANCES=$(aws rds describe-db-instances \
  --query 'DBInstances[?!starts_with(DBInstanceIdentifier, `rds-`)].{Name:DBInstanceIdentifier,BackupRetention:BackupRetentionPeriod}' \
  --output json)

echo "$RDS_INSTANCES" | jq -c '.[]' | while read -r instance; do
  DB_NAME=$(echo "$instance" | jq -r '.Name')
  BACKUP_RETENTION=$(echo "$instance" | jq -r '.BackupRetention')

  if [ "$BACKUP_RETENTION" -lt 7 ]; then
    echo "Insufficient backup retention for $DB_NAME: $BACKUP_RETENTION days (minimum: 7)"
    exit 1
  else
    echo "Backup retention for $DB_NAME: $BACKUP_RETENTION days"
  fi
done
