package services

import (
	"slices"
	"strings"

	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/wire"
)

var rdsHandlers = map[string]Handler{
	"DescribeDBInstances":    describeDatabases,
	"ModifyDBInstance":       modifyDatabase,
	"DescribeDBSubnetGroups": describeSubnetGroups,
	// No template can make clusters here, so there are none.
	"DescribeDBClusters": emptyList("DBClusters"),
}

func describeDatabases(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "DBInstanceIdentifier", "Filters", "MaxRecords", "Marker"); err != nil {
		return nil, err
	}
	all := c.List(place(call), cloud.DatabaseType)
	if id := call.Params.String("DBInstanceIdentifier"); id != "" {
		db, err := database(c, call, id)
		if err != nil {
			return nil, err
		}
		all = []cloud.Resource{db}
	}
	list := []any{}
	for _, db := range all {
		has := facts{
			"db-instance-id": {db.ID, wire.Text(attributeOf(db, "DBInstanceArn"))}, "engine": {db.Text("Engine")},
			"dbi-resource-id": {wire.Text(db.Attrs["DbiResourceId"])},
		}
		take, err := chosen(call, call.Params.Map("Filters").Maps("Filter"), func(string) string { return "" }, has)
		if err != nil {
			return nil, err
		}
		if take {
			list = append(list, databaseView(c, db))
		}
	}
	return map[string]any{"DBInstances": wire.List{Item: "DBInstance", Items: list}}, nil
}

// database finds a database by its identifier or ARN.
func database(c *cloud.Cloud, call *wire.Call, id string) (cloud.Resource, error) {
	name := strings.ToLower(id)
	if strings.HasPrefix(id, "arn:") {
		name = id[strings.LastIndex(id, ":")+1:]
	}
	db, ok := c.Get(place(call), cloud.DatabaseType, name)
	if !ok {
		return db, wire.NotFound("DBInstanceNotFound", "DBInstance %s not found.", id)
	}
	return db, nil
}

// databaseDefaults are what RDS takes for what a template leaves out.
var databaseDefaults = map[string]string{ //nolint:gosec // names of properties
	"AllocatedStorage": "", "AutoMinorVersionUpgrade": "true", "BackupRetentionPeriod": "1", "CopyTagsToSnapshot": "false",
	"DBInstanceClass": "", "DBName": "", "DeletionProtection": "false", "Engine": "", "EngineVersion": "", "Iops": "", "KmsKeyId": "",
	"LicenseModel": "", "MasterUsername": "", "MultiAZ": "false", "PreferredBackupWindow": "03:00-03:30",
	"PreferredMaintenanceWindow": "sun:04:00-sun:04:30", "PubliclyAccessible": "false", "StorageEncrypted": "false",
	"StorageType": "gp2", "MaxAllocatedStorage": "", "EnablePerformanceInsights": "", "AvailabilityZone": "",
}

func databaseView(c *cloud.Cloud, db cloud.Resource) map[string]any {
	port := cloud.DatabasePort(&db)
	view := map[string]any{
		"DBInstanceIdentifier": db.ID, "DBInstanceStatus": db.Attrs["Status"], "InstanceCreateTime": db.Created,
		"DBInstanceArn": attributeOf(db, "DBInstanceArn"), "DbiResourceId": db.Attrs["DbiResourceId"],
		"Endpoint": map[string]any{
			"Address": db.Attrs["Address"], "Port": port, "HostedZoneId": attributeOf(db, "Endpoint.HostedZoneId"),
		},
	}
	for name, otherwise := range databaseDefaults {
		if v := orElse(db, name, otherwise); v != "" {
			view[strings.Replace(name, "EnablePerf", "Perf", 1)] = v
		}
	}
	if strings.EqualFold(db.Text("ManageMasterUserPassword"), "true") {
		view["MasterUserSecret"] = map[string]any{"SecretArn": db.Attrs["SecretArn"], "SecretStatus": "active"}
	}
	groups := []any{}
	for _, id := range wire.Params(db.Props).Strings("VPCSecurityGroups") {
		groups = append(groups, map[string]any{"VpcSecurityGroupId": id, "Status": "active"})
	}
	view["VpcSecurityGroups"] = wire.List{Item: "VpcSecurityGroupMembership", Items: groups}
	if group, ok := c.Get(db.Place, cloud.SubnetGroupType, strings.ToLower(db.Text("DBSubnetGroupName"))); ok {
		view["DBSubnetGroup"] = subnetGroupView(c, group)
	}
	if tags := cloud.TagList(db.AllTags()); len(tags) > 0 {
		view["TagList"] = wire.List{Item: "Tag", Items: tags}
	}
	return view
}

func subnetGroupView(c *cloud.Cloud, group cloud.Resource) map[string]any {
	subnets, vpc := []any{}, ""
	for _, id := range wire.Params(group.Props).Strings("SubnetIds") {
		subnet, ok := c.Get(group.Place, cloud.SubnetType, id)
		if !ok {
			continue
		}
		vpc = subnet.Text("VpcId")
		subnets = append(subnets, map[string]any{
			"SubnetIdentifier": id, "SubnetStatus": "Active", "SubnetAvailabilityZone": map[string]any{"Name": cloud.Zone(&subnet)},
		})
	}
	return map[string]any{
		"DBSubnetGroupName": group.ID, "DBSubnetGroupDescription": group.Text("DBSubnetGroupDescription"), "VpcId": vpc,
		"SubnetGroupStatus": "Complete", "Subnets": wire.List{Item: "Subnet", Items: subnets},
	}
}

func describeSubnetGroups(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, "DBSubnetGroupName", "MaxRecords", "Marker"); err != nil {
		return nil, err
	}
	name, list := strings.ToLower(call.Params.String("DBSubnetGroupName")), []any{}
	for _, group := range c.List(place(call), cloud.SubnetGroupType) {
		if name == "" || name == group.ID {
			list = append(list, subnetGroupView(c, group))
		}
	}
	if name != "" && len(list) == 0 {
		return nil, wire.NotFound("DBSubnetGroupNotFoundFault", "DB subnet group '%s' does not exist.", name)
	}
	return map[string]any{"DBSubnetGroups": wire.List{Item: "DBSubnetGroup", Items: list}}, nil
}

// modifiable are the properties that ModifyDBInstance changes, at once: there
// is no maintenance window to wait for.
var modifiable = []string{
	"AllocatedStorage", "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CopyTagsToSnapshot", "DBInstanceClass",
	"DeletionProtection", "EngineVersion", "Iops", "MasterUserPassword", "MaxAllocatedStorage", "MultiAZ", "PreferredBackupWindow",
	"PreferredMaintenanceWindow", "PubliclyAccessible", "StorageType",
}

func modifyDatabase(c *cloud.Cloud, call *wire.Call) (any, error) {
	if err := onlyKnown(call, slices.Concat(modifiable, []string{"DBInstanceIdentifier", "ApplyImmediately"})...); err != nil {
		return nil, err
	}
	db, err := database(c, call, call.Params.String("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if days := call.Params.Int("BackupRetentionPeriod", 0); days < 0 || days > 35 {
		return nil, wire.Errorf("InvalidParameterValue", "Invalid backup retention period: %d. Retention period must be between 0 and 35", days)
	}
	err = c.Change(place(call), cloud.DatabaseType, db.ID, func(r *cloud.Resource) error {
		for _, name := range modifiable {
			if call.Params.Has(name) {
				r.Props[name] = call.Params.String(name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if db, err = database(c, call, db.ID); err != nil {
		return nil, err
	}
	return map[string]any{"DBInstance": databaseView(c, db)}, nil
}
