"""The least that makes an object of each built-in kind, by "group/resource" ("" for the core group)."""
POD_SPEC = {"containers": [{"name": "c", "image": "i"}]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC}
JOB_TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD_SPEC | {"restartPolicy": "Never"}}
SELECTOR = {"matchLabels": {"app": "x"}}
WORKLOAD = {"spec": {"selector": SELECTOR, "template": TEMPLATE}}
WEBHOOKS = {"webhooks": [{"name": "a.b.example.com", "clientConfig": {"url": "https://127.0.0.1:1/"}, "sideEffects": "None", "admissionReviewVersions": ["v1"],
                          "failurePolicy": "Ignore", "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["none"], "operations": ["CREATE"]}]}]}
CONSTRAINTS = {"resourceRules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["none"], "operations": ["CREATE"]}]}
CLASS_CLAIM = {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}
SECOND = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u"}

SAMPLES = {
    "/configmaps": {"data": {"k": "v"}},
    "/endpoints": {"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]},
    "/events": {"involvedObject": {"kind": "Pod", "name": "x", "namespace": "every"}, "reason": "R", "message": "m", "type": "Normal"},
    "/limitranges": {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
    "/namespaces": {},
    "/nodes": {},
    "/persistentvolumeclaims": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    "/persistentvolumes": {"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/tmp"}}},
    "/pods": {"spec": POD_SPEC | {"terminationGracePeriodSeconds": 0}},
    "/podtemplates": {"template": TEMPLATE},
    "/replicationcontrollers": {"spec": {"replicas": 0, "selector": {"app": "x"}, "template": TEMPLATE}},
    "/resourcequotas": {"spec": {"hard": {"count/none.example.com": "1"}}},
    "/secrets": {"stringData": {"k": "v"}},
    "/serviceaccounts": {},
    "/services": {"spec": {"ports": [{"port": 80}]}},
    "apiregistration.k8s.io/apiservices": {"spec": {"group": "g%d.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15}},
    "apps/controllerrevisions": {"revision": 1, "data": {"a": 1}},
    "apps/daemonsets": WORKLOAD,
    "apps/deployments": {"spec": WORKLOAD["spec"] | {"replicas": 0, "paused": True}},
    "apps/replicasets": {"spec": WORKLOAD["spec"] | {"replicas": 0}},
    "apps/statefulsets": {"spec": WORKLOAD["spec"] | {"serviceName": "s"}},
    "events.k8s.io/events": {"eventTime": "2026-01-02T03:04:05.000006Z", "reportingController": "c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal",
                             "regarding": {"kind": "Pod", "name": "x", "namespace": "every"}},
    "autoscaling/horizontalpodautoscalers": {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 2}},
    "batch/cronjobs": {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}},
    "batch/jobs": {"spec": {"suspend": True, "template": JOB_TEMPLATE}},
    "certificates.k8s.io/certificatesigningrequests": None,   # the test makes a request
    "networking.k8s.io/ingressclasses": {"spec": {"controller": "example.com/c"}},
    "networking.k8s.io/ingresses": {"spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
    "networking.k8s.io/ipaddresses": {"spec": {"parentRef": {"resource": "services", "namespace": "every", "name": "s"}}},
    "networking.k8s.io/networkpolicies": {"spec": {"podSelector": {}}},
    "networking.k8s.io/servicecidrs": {"spec": {"cidrs": ["10.2%d.0.0/24"]}},
    "policy/poddisruptionbudgets": {"spec": {"minAvailable": 1, "selector": SELECTOR}},
    "rbac.authorization.k8s.io/clusterrolebindings": {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}},
    "rbac.authorization.k8s.io/clusterroles": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "rbac.authorization.k8s.io/rolebindings": {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}},
    "rbac.authorization.k8s.io/roles": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "storage.k8s.io/csidrivers": {"spec": {"attachRequired": False}},
    "storage.k8s.io/csinodes": {"spec": {"drivers": []}},
    "storage.k8s.io/csistoragecapacities": {"storageClassName": "s", "capacity": "1Gi"},
    "storage.k8s.io/storageclasses": {"provisioner": "example.com/p"},
    "storage.k8s.io/volumeattachments": {"spec": {"attacher": "example.com", "nodeName": "n", "source": {"persistentVolumeName": "p"}}},
    "storage.k8s.io/volumeattributesclasses": {"driverName": "example.com", "parameters": {"a": "b"}},
    "admissionregistration.k8s.io/mutatingadmissionpolicies": {"spec": {"matchConstraints": CONSTRAINTS, "reinvocationPolicy": "Never", "failurePolicy": "Ignore",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}]}},
    "admissionregistration.k8s.io/mutatingadmissionpolicybindings": {"spec": {"policyName": "none"}},
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": WEBHOOKS,
    "admissionregistration.k8s.io/validatingadmissionpolicies": {"spec": {"matchConstraints": CONSTRAINTS, "validations": [{"expression": "true"}]}},
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": {"spec": {"policyName": "none", "validationActions": ["Deny"]}},
    "admissionregistration.k8s.io/validatingwebhookconfigurations": WEBHOOKS,
    "apiextensions.k8s.io/customresourcedefinitions": {"spec": {"group": "every.example.com", "scope": "Namespaced", "names": {"plural": "e%ds", "kind": "E%d"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}},
    "scheduling.k8s.io/priorityclasses": {"value": 10},
    "coordination.k8s.io/leases": {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 30}},
    "node.k8s.io/runtimeclasses": {"handler": "runc"},
    "discovery.k8s.io/endpointslices": {"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": []},
    "resource.k8s.io/deviceclasses": {"spec": {}},
    "resource.k8s.io/resourceclaims": {"spec": CLASS_CLAIM},
    "resource.k8s.io/resourceclaimtemplates": {"spec": {"spec": CLASS_CLAIM}},
    "resource.k8s.io/resourceslices": {"spec": {"driver": "d.example.com", "nodeName": "n", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}, "devices": []}},
    "flowcontrol.apiserver.k8s.io/flowschemas": {"spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 9000}},
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 2, "limitResponse": {"type": "Reject"}}}},
}

# Names that are not free to choose, by number.
NAMES = {
    "apiregistration.k8s.io/apiservices": "v1.g%d.example.com",
    "apiextensions.k8s.io/customresourcedefinitions": "e%ds.every.example.com",
    "networking.k8s.io/ipaddresses": "10.9.8.%d",
}
