package cloud

import (
	"strings"
	"time"

	"awscdk.dev/operator/demo/localaws/wire"
)

// Types of databases that other packages name too.
const (
	DatabaseType    = "AWS::RDS::DBInstance"
	SubnetGroupType = "AWS::RDS::DBSubnetGroup"
)

var databaseTypes = map[string]*Type{
	DatabaseType: {
		Named: "DBInstanceIdentifier", MaxName: 63, Lower: true, Delay: 200 * time.Millisecond, Hook: databaseHook,
		Replace: []string{
			"DBInstanceIdentifier", "DBName", "DBSubnetGroupName", "MasterUsername", "StorageEncrypted", "KmsKeyId", "Port",
			"CharacterSetName", "Timezone", "DBClusterIdentifier",
		},
		WriteOnly: []string{"MasterUserPassword"},
		ID: func(_ *Cloud, r *Resource, name string) string {
			id := strings.ToLower(name)
			r.Attrs["Address"] = id + ".c" + strings.ToLower(Random(11)) + "." + r.Place.Region + ".rds.amazonaws.com"
			r.Attrs["Status"], r.Attrs["DbiResourceId"] = "available", "db-"+Random(26)
			r.Attrs["SecretArn"] = ARN("secretsmanager", r.Place, "secret:rds!%s-%s", "db-"+UUID(), randomHex(6))
			return id
		},
		Attributes: func(r *Resource) map[string]any {
			return map[string]any{
				"Endpoint.Address": wire.Text(r.Attrs["Address"]), "Endpoint.Port": DatabasePort(r), "Endpoint.HostedZoneId": databaseZone,
				"DBInstanceArn": ARN("rds", r.Place, "db:%s", r.ID), "DbiResourceId": wire.Text(r.Attrs["DbiResourceId"]),
				"MasterUserSecret.SecretArn": wire.Text(r.Attrs["SecretArn"]),
			}
		},
	},
	SubnetGroupType: {
		Named: "DBSubnetGroupName", Replace: []string{"DBSubnetGroupName"}, Required: []string{"DBSubnetGroupDescription", "SubnetIds"},
		MaxName: 255, Lower: true, Delay: 60 * time.Millisecond, Hook: subnetGroupHook,
		ID: func(_ *Cloud, _ *Resource, name string) string { return strings.ToLower(name) },
	},
}

// databaseZone is the hosted zone of databases; nothing is resolved here.
const databaseZone = "Z1RLNUO7B9Q6NB"

// ports are the engines' own, by the first part of their names.
var ports = map[string]string{
	"postgres": "5432", "mysql": "3306", "mariadb": "3306", "oracle": "1521", "sqlserver": "1433", "db2": "50000",
}

// DatabasePort is the port of a database: one a test gave it, its own or its engine's.
func DatabasePort(r *Resource) string {
	for _, own := range []any{r.Attrs["Port"], r.Props["Port"]} {
		if port := wire.Text(own); port != "" {
			return port
		}
	}
	engine, _, _ := strings.Cut(strings.TrimPrefix(r.Text("Engine"), "aurora-"), "-")
	if port, ok := ports[strings.TrimSuffix(engine, "ql")]; ok {
		return port
	}
	if port, ok := ports[engine]; ok {
		return port
	}
	return "3306"
}

func databaseHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	switch phase {
	case Deleting, Undoing:
		if strings.EqualFold(r.Text("DeletionProtection"), "true") {
			return awsErrorf("Cannot delete protected DB Instance, please disable deletion protection and try again.")
		}
		return nil
	case Creating:
		if err := databaseComplete(next); err != nil {
			return err
		}
	}
	group := map[string]any{"Group": strings.ToLower(wire.Text(next["DBSubnetGroupName"])), "SecurityGroups": next["VPCSecurityGroups"]}
	if group["Group"] == "" {
		delete(group, "Group")
	}
	return needsAll(reference{SubnetGroupType, "Group", "DBSubnetGroup '%s' not found."}, reference{SecurityGroupType, "SecurityGroups", "Invalid security group , groupId= %s, groupName=."})(c, phase, r, group)
}

// databaseComplete refuses a database that RDS could not make, unless it is
// made from something that has all that.
func databaseComplete(props map[string]any) error {
	for _, origin := range []string{"DBClusterIdentifier", "DBSnapshotIdentifier", "SourceDBInstanceIdentifier", "SourceDbiResourceId"} {
		if wire.Text(props[origin]) != "" {
			return nil
		}
	}
	for _, name := range []string{"Engine", "DBInstanceClass", "MasterUsername", "AllocatedStorage"} {
		if wire.Text(props[name]) == "" {
			return awsErrorf("The parameter %s must be provided and must not be blank.", name)
		}
	}
	if wire.Text(props["MasterUserPassword"]) == "" && !strings.EqualFold(wire.Text(props["ManageMasterUserPassword"]), "true") {
		return awsErrorf("The parameter MasterUserPassword must be provided and must not be blank.")
	}
	return nil
}

func subnetGroupHook(c *Cloud, phase Phase, r *Resource, next map[string]any) error {
	if err := needsAll(reference{SubnetType, "SubnetIds", "Some input subnets in :[%s] are invalid."})(c, phase, r, next); err != nil {
		return err
	}
	if phase == Creating || phase == Updating {
		if c.zones(r.Place, named(next["SubnetIds"])) < 2 {
			return awsErrorf("The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs.")
		}
	}
	return c.unused(phase, r, "Cannot delete the subnet group '%s' because at least one database instance is still using it.", use{DatabaseType, "DBSubnetGroupName"})
}
