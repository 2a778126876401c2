#!/bin/bash
# Security groups that are open to everyone, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Check for security groups with 0.0.0.0/0 access
OPEN_SG=$(aws ec2 describe-security-groups \
  --query 'SecurityGroups[?IpPermissions[?IpRanges[?CidrIp==`0.0.0.0/0`] && (FromPort==`22` || FromPort==`3389`)]]' \
  --output text)

if [ -n "$OPEN_SG" ]; then
  echo "Security groups with open SSH/RDP access detected"
  echo "This violates production security policy"
  exit 1
else
  echo "No security groups with dangerous open access"
fi
