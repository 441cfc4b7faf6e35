"""Objects that use most fields of their kinds, valid on upstream's server, by "group/resource": what `compare_kinds --fuller` changes field by field.
Fields that exclude each other stand in objects of their own."""
SELECTOR = {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}
LABELS = {"labels": {"app": "x"}}
HTTP_GET = {"httpGet": {"path": "/", "port": 80, "host": "h", "scheme": "HTTP", "httpHeaders": [{"name": "A-B", "value": "c"}]}}
TIMES = {"initialDelaySeconds": 1, "timeoutSeconds": 2, "periodSeconds": 3, "successThreshold": 1, "failureThreshold": 4}
NODE_TERM = {"matchExpressions": [{"key": "k", "operator": "Gt", "values": ["1"]}, {"key": "l", "operator": "Exists"}], "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}
POD_TERM = {"labelSelector": SELECTOR, "namespaces": ["a"], "topologyKey": "t", "namespaceSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["m"], "mismatchLabelKeys": ["n"]}
POD_AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": [POD_TERM], "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "podAffinityTerm": POD_TERM}]}
TOLERATIONS = [{"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 5}, {"operator": "Exists"}]
SECURITY = {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}, "privileged": False, "seLinuxOptions": {"user": "u", "role": "r", "type": "t", "level": "l"}, "runAsUser": 1, "runAsGroup": 2,
            "runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "procMount": "Default", "seccompProfile": {"type": "Localhost", "localhostProfile": "p"},
            "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}
CONTAINER = {
    "name": "c", "image": "i", "command": ["a"], "args": ["b"], "workingDir": "/w", "imagePullPolicy": "Always", "terminationMessagePath": "/t", "terminationMessagePolicy": "File",
    "ports": [{"name": "p", "containerPort": 80, "hostPort": 8080, "protocol": "TCP", "hostIP": "127.0.0.1"}],
    "envFrom": [{"prefix": "P", "configMapRef": {"name": "m", "optional": True}}, {"secretRef": {"name": "s"}}],
    "env": [{"name": "A", "value": "b"}, {"name": "F", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['a']"}}},
            {"name": "R", "valueFrom": {"resourceFieldRef": {"containerName": "c", "resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k", "optional": True}}}, {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "resources": {"limits": {"cpu": "1", "example.com/x": "2", "hugepages-2Mi": "4Mi"}, "requests": {"cpu": "500m", "memory": "1Mi", "ephemeral-storage": "1Mi"}, "claims": [{"name": "claim", "request": "r"}]},
    "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
    "volumeMounts": [{"name": "empty", "mountPath": "/m", "readOnly": True, "recursiveReadOnly": "Disabled", "subPath": "s", "mountPropagation": "None"}, {"name": "all", "mountPath": "/n", "subPathExpr": "$(A)"}],
    "volumeDevices": [{"name": "block", "devicePath": "/dev/x"}],
    "livenessProbe": {**HTTP_GET, **TIMES, "terminationGracePeriodSeconds": 7}, "readinessProbe": {"tcpSocket": {"port": "p", "host": "h"}, **TIMES}, "startupProbe": {"exec": {"command": ["a"]}, **TIMES},
    "lifecycle": {"postStart": {"exec": {"command": ["a"]}}, "preStop": {"sleep": {"seconds": 3}}}, "securityContext": SECURITY, "stdin": True, "stdinOnce": True, "tty": True,
}
POD_SPEC = {
    "containers": [CONTAINER, {"name": "d", "image": "i", "readinessProbe": {"grpc": {"port": 5, "service": "s"}}, "lifecycle": {"postStart": HTTP_GET, "preStop": {"httpGet": {"port": "p"}}},
                               "restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}],
    "initContainers": [{"name": "e", "image": "i", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}, "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}, {"name": "f", "image": "i"}],
    "volumes": [{"name": "empty", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, {"name": "block", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
                {"name": "all", "projected": {"defaultMode": 420, "sources": [{"secret": {"name": "s", "items": [{"key": "k", "path": "p", "mode": 256}], "optional": True}}, {"configMap": {"name": "m", "items": [{"key": "k", "path": "q"}]}},
                    {"downwardAPI": {"items": [{"path": "d", "fieldRef": {"fieldPath": "metadata.name"}, "mode": 256}]}}, {"serviceAccountToken": {"audience": "a", "expirationSeconds": 600, "path": "t"}},
                    {"clusterTrustBundle": {"signerName": "example.com/s", "labelSelector": SELECTOR, "optional": True, "path": "b"}},
                    {"podCertificate": {"signerName": "example.com/s", "keyType": "ED25519", "maxExpirationSeconds": 3600, "credentialBundlePath": "x"}}]}},
                {"name": "v1", "secret": {"secretName": "s", "items": [{"key": "k", "path": "p", "mode": 256}], "defaultMode": 256, "optional": True}}, {"name": "v2", "configMap": {"name": "m", "items": [{"key": "k", "path": "p"}], "defaultMode": 256}},
                {"name": "v3", "downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}}], "defaultMode": 256}}, {"name": "v4", "hostPath": {"path": "/p", "type": "Directory"}},
                {"name": "v5", "nfs": {"server": "s", "path": "/p", "readOnly": True}}, {"name": "v6", "iscsi": {"targetPortal": "p", "iqn": "iqn.2001-04.com.example:x", "lun": 1, "iscsiInterface": "i", "fsType": "f", "portals": ["q"],
                    "chapAuthDiscovery": True, "chapAuthSession": True, "secretRef": {"name": "s"}, "initiatorName": "iqn.2001-04.com.example:y"}},
                {"name": "v7", "csi": {"driver": "d.example.com", "readOnly": True, "fsType": "f", "volumeAttributes": {"a": "b"}, "nodePublishSecretRef": {"name": "s"}}}, {"name": "v8", "fc": {"targetWWNs": ["w"], "lun": 1, "fsType": "f"}},
                {"name": "v9", "ephemeral": {"volumeClaimTemplate": {"metadata": LABELS, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "s", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "1Mi"}}}}}},
                {"name": "v10", "image": {"reference": "i", "pullPolicy": "Always"}}, {"name": "v11", "gitRepo": {"repository": "r", "revision": "v", "directory": "d"}}, {"name": "v12", "rbd": {"monitors": ["m"], "image": "i", "pool": "p"}},
                {"name": "v13", "cephfs": {"monitors": ["m"], "path": "/p"}}, {"name": "v14", "azureDisk": {"diskName": "d", "diskURI": "/subscriptions/x", "kind": "Managed", "cachingMode": "None"}}, {"name": "v15", "azureFile": {"secretName": "s", "shareName": "n"}},
                {"name": "v16", "awsElasticBlockStore": {"volumeID": "v", "partition": 1}}, {"name": "v17", "gcePersistentDisk": {"pdName": "p", "partition": 1}}, {"name": "v18", "glusterfs": {"endpoints": "e", "path": "p"}},
                {"name": "v19", "flexVolume": {"driver": "example.com/d", "fsType": "f"}}, {"name": "v20", "flocker": {"datasetName": "d"}}, {"name": "v21", "vsphereVolume": {"volumePath": "p"}}, {"name": "v22", "quobyte": {"registry": "h:1", "volume": "v"}},
                {"name": "v23", "portworxVolume": {"volumeID": "v"}}, {"name": "v24", "scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "n"}, "volumeName": "v"}}, {"name": "v25", "storageos": {"volumeName": "v"}},
                {"name": "v26", "cinder": {"volumeID": "v", "secretRef": {"name": "s"}}}, {"name": "v27", "photonPersistentDisk": {"pdID": "p"}}],
    "restartPolicy": "Always", "terminationGracePeriodSeconds": 5, "dnsPolicy": "None", "nodeSelector": {"a": "b"}, "serviceAccountName": "default", "automountServiceAccountToken": False, "hostNetwork": False,
    "hostPID": False, "hostIPC": False, "shareProcessNamespace": True, "hostUsers": True, "hostname": "h", "subdomain": "s", "schedulerName": "x", "preemptionPolicy": "PreemptLowerPriority", "enableServiceLinks": True, "setHostnameAsFQDN": False,
    "securityContext": {"seLinuxOptions": {"level": "l"}, "runAsUser": 1, "runAsGroup": 2, "runAsNonRoot": True, "supplementalGroups": [3], "supplementalGroupsPolicy": "Merge", "fsGroup": 4, "fsGroupChangePolicy": "Always",
                        "sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}], "seccompProfile": {"type": "RuntimeDefault"}, "appArmorProfile": {"type": "Unconfined"}},
    "imagePullSecrets": [{"name": "s"}], "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["h"]}], "dnsConfig": {"nameservers": ["1.2.3.4"], "searches": ["a.b"], "options": [{"name": "n", "value": "v"}]},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [NODE_TERM]}, "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "preference": NODE_TERM}]},
                 "podAffinity": POD_AFFINITY, "podAntiAffinity": POD_AFFINITY},
    "tolerations": TOLERATIONS, "readinessGates": [{"conditionType": "a.b/c"}], "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "t", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": SELECTOR, "minDomains": 2,
        "nodeAffinityPolicy": "Honor", "nodeTaintsPolicy": "Ignore", "matchLabelKeys": ["m"]}],
    "schedulingGates": [{"name": "g"}], "resourceClaims": [{"name": "claim", "resourceClaimName": "r"}, {"name": "other", "resourceClaimTemplateName": "t"}], "os": {"name": "linux"},
    "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
}
WINDOWS_SPEC = {"os": {"name": "windows"}, "containers": [{"name": "c", "image": "i", "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "g", "gmsaCredentialSpec": "s", "runAsUserName": "u", "hostProcess": False}}}],
                "securityContext": {"windowsOptions": {"gmsaCredentialSpecName": "g", "runAsUserName": "d\\u"}}}
HOST_SPEC = {"hostNetwork": True, "hostPID": True, "hostIPC": True, "dnsPolicy": "ClusterFirstWithHostNet", "priorityClassName": "system-node-critical", "activeDeadlineSeconds": 5, "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]}
SMALL_SPEC = {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "name": "p"}]}]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}, "annotations": {"a": "b"}}, "spec": SMALL_SPEC}
JOB_TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": SMALL_SPEC | {"restartPolicy": "Never"}}
JOB = {"parallelism": 1, "completions": 3, "activeDeadlineSeconds": 9, "backoffLimit": 2, "template": JOB_TEMPLATE, "ttlSecondsAfterFinished": 9, "completionMode": "Indexed", "suspend": True, "podReplacementPolicy": "Failed",
       "managedBy": "example.com/m", "maxFailedIndexes": 1, "backoffLimitPerIndex": 1, "successPolicy": {"rules": [{"succeededIndexes": "0-1", "succeededCount": 1}]},
       "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "In", "values": [3, 4]}}, {"action": "Ignore", "onPodConditions": [{"type": "T", "status": "True"}]}]}}
METRICS = [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}, {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Mi"}}},
           {"type": "ContainerResource", "containerResource": {"container": "c", "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
           {"type": "Pods", "pods": {"metric": {"name": "m", "selector": SELECTOR}, "target": {"type": "AverageValue", "averageValue": "5"}}},
           {"type": "Object", "object": {"describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"}, "metric": {"name": "m"}, "target": {"type": "Value", "value": "5"}}},
           {"type": "External", "external": {"metric": {"name": "m", "selector": SELECTOR}, "target": {"type": "AverageValue", "averageValue": "5"}}}]
SCALING = {"stabilizationWindowSeconds": 3, "selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 5}, {"type": "Percent", "value": 10, "periodSeconds": 5}], "tolerance": "0.1"}
CLAIM_SPEC = {"accessModes": ["ReadWriteOnce"], "selector": SELECTOR, "resources": {"requests": {"storage": "1Gi"}, "limits": {"storage": "2Gi"}}, "storageClassName": "s", "volumeMode": "Filesystem", "volumeName": "v",
              "dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "n"}, "dataSourceRef": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "n"}, "volumeAttributesClassName": "c"}
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "s", "volumeMode": "Filesystem", "mountOptions": ["o"],
          "claimRef": {"namespace": "a", "name": "b"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [NODE_TERM]}}, "volumeAttributesClassName": "c"}
VOLUME_SOURCES = {
    "csi": {"driver": "d.example.com", "volumeHandle": "h", "readOnly": True, "fsType": "f", "volumeAttributes": {"a": "b"}, **{name: {"name": "s", "namespace": "n"} for name in
            ("controllerPublishSecretRef", "nodeStageSecretRef", "nodePublishSecretRef", "controllerExpandSecretRef", "nodeExpandSecretRef")}},
    "local": {"path": "/p", "fsType": "f"}, "nfs": {"server": "s", "path": "/p"}, "hostPath": {"path": "/p", "type": "Directory"}, "fc": {"wwids": ["w"]}, "cephfs": {"monitors": ["m"], "secretRef": {"name": "s", "namespace": "n"}},
    "iscsi": {"targetPortal": "p", "iqn": "iqn.2001-04.com.example:x", "lun": 1, "secretRef": {"name": "s", "namespace": "n"}, "chapAuthSession": True}, "rbd": {"monitors": ["m"], "image": "i"}, "flexVolume": {"driver": "example.com/d"},
    "azureDisk": {"diskName": "d", "diskURI": "/subscriptions/x", "kind": "Managed", "cachingMode": "None"}, "azureFile": {"secretName": "s", "shareName": "n", "secretNamespace": "x"}, "glusterfs": {"endpoints": "e", "path": "p"},
    "awsElasticBlockStore": {"volumeID": "v"}, "gcePersistentDisk": {"pdName": "p"}, "vsphereVolume": {"volumePath": "p"}, "cinder": {"volumeID": "v"}, "quobyte": {"registry": "h:1", "volume": "v"}, "flocker": {"datasetName": "d"},
    "photonPersistentDisk": {"pdID": "p"}, "portworxVolume": {"volumeID": "v"}, "scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "n", "namespace": "x"}, "volumeName": "v"}, "storageos": {"volumeName": "v"},
}
RULE = {"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["none", "none/status"], "operations": ["CREATE", "UPDATE"], "scope": "Namespaced"}
WEBHOOK = {"name": "a.b.example.com", "clientConfig": {"service": {"namespace": "n", "name": "s", "path": "/p", "port": 443}, "caBundle": ""}, "rules": [RULE], "failurePolicy": "Ignore", "matchPolicy": "Exact", "namespaceSelector": SELECTOR,
           "objectSelector": SELECTOR, "sideEffects": "None", "timeoutSeconds": 5, "admissionReviewVersions": ["v1"], "matchConditions": [{"name": "m", "expression": "true"}]}
MATCH = {"namespaceSelector": SELECTOR, "objectSelector": SELECTOR, "resourceRules": [RULE | {"resourceNames": ["r"]}], "excludeResourceRules": [RULE], "matchPolicy": "Equivalent"}
SUBREQUEST = {"name": "s", "deviceClassName": "c", "selectors": [{"cel": {"expression": "true"}}], "allocationMode": "ExactCount", "count": 1, "tolerations": TOLERATIONS, "capacity": {"requests": {"a": "1"}}}
CLAIM = {"devices": {"requests": [{"name": "r", "exactly": {key: value for key, value in SUBREQUEST.items() if key != "name"}}, {"name": "q", "firstAvailable": [SUBREQUEST]}],
                     "constraints": [{"requests": ["r"], "matchAttribute": "example.com/a"}], "config": [{"requests": ["r", "q/s"], "opaque": {"driver": "d.example.com", "parameters": {"a": "b"}}}]}}
DEVICE = {"name": "d", "attributes": {"a": {"int": 1}, "example.com/b": {"bool": True}, "c": {"string": "s"}, "v": {"version": "1.2.3"}}, "capacity": {"c": {"value": "1", "requestPolicy": {"default": "1", "validRange": {"min": "1", "max": "4", "step": "1"}}},
          "d": {"value": "4", "requestPolicy": {"default": "2", "validValues": ["2", "4"]}}}, "allowMultipleAllocations": True, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}], "bindingConditions": ["B"],
          "bindingFailureConditions": ["F"], "bindsToNode": True, "consumesCounters": [{"counterSet": "s", "counters": {"c": {"value": "1"}}}]}
SLICE = {"driver": "d.example.com", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 2}}
PORT = {"name": "p", "protocol": "TCP", "appProtocol": "example.com/x", "port": 80, "targetPort": 8080}
PEER = {"podSelector": SELECTOR, "namespaceSelector": SELECTOR}
FLOW_RULES = {"subjects": [{"kind": "User", "user": {"name": "u"}}, {"kind": "Group", "group": {"name": "g"}}, {"kind": "ServiceAccount", "serviceAccount": {"namespace": "n", "name": "s"}}],
              "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["a"]}, {"verbs": ["list"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True}], "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/a/*"]}]}
ROLE_RULES = [{"apiGroups": ["", "apps"], "resources": ["pods", "pods/log"], "resourceNames": ["n"], "verbs": ["get", "list"]}]
SUBJECTS = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u"}, {"kind": "Group", "name": "g"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}

FULLER = {
    "/pods": [{"spec": POD_SPEC}, {"spec": WINDOWS_SPEC}, {"spec": HOST_SPEC}],
    "/nodes": [{"spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"], "providerID": "p", "unschedulable": True, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}],
                         "configSource": {"configMap": {"namespace": "n", "name": "c", "kubeletConfigKey": "k"}}},
                "status": {"capacity": {"cpu": "1", "example.com/x": "2"}, "allocatable": {"cpu": "1"}, "addresses": [{"type": "InternalIP", "address": "1.2.3.4"}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 5}}}}],
    "/services": [{"spec": {"type": "LoadBalancer", "ports": [PORT], "selector": {"a": "b"}, "sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}, "externalIPs": ["1.2.3.4"], "loadBalancerIP": "1.2.3.4",
                            "loadBalancerSourceRanges": ["1.2.3.0/24"], "externalTrafficPolicy": "Local", "publishNotReadyAddresses": True, "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "allocateLoadBalancerNodePorts": True,
                            "loadBalancerClass": "example.com/c", "internalTrafficPolicy": "Cluster", "trafficDistribution": "PreferClose"}},
                  {"spec": {"type": "ExternalName", "externalName": "a.b"}}, {"spec": {"clusterIP": "None", "ports": [PORT]}}, {"spec": {"type": "NodePort", "ports": [PORT | {"nodePort": 30001}]}}],
    "/endpoints": [{"subsets": [{"addresses": [{"ip": "1.2.3.4", "hostname": "h", "nodeName": "n", "targetRef": {"kind": "Pod", "name": "x"}}], "notReadyAddresses": [{"ip": "1.2.3.5"}], "ports": [{"name": "p", "port": 80, "protocol": "TCP", "appProtocol": "http"}]}]}],
    "/events": [{"involvedObject": {"kind": "Pod", "name": "x", "namespace": "every", "apiVersion": "v1", "uid": "u", "resourceVersion": "1", "fieldPath": "f"}, "reason": "R", "message": "m", "type": "Normal", "source": {"component": "c", "host": "h"},
                 "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z", "count": 2},
                {"involvedObject": {"kind": "Pod", "name": "x", "namespace": "every"}, "eventTime": "2026-01-02T03:04:05.000006Z", "reportingComponent": "c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Warning",
                 "related": {"kind": "Pod", "name": "y"}, "series": {"count": 2, "lastObservedTime": "2026-01-02T03:04:05.000006Z"}}],
    "/limitranges": [{"spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}, "min": {"cpu": "1"}, "default": {"cpu": "3"}, "defaultRequest": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "2"}}, {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}}]}}],
    "/resourcequotas": [{"spec": {"hard": {"pods": "1", "requests.cpu": "1", "limits.memory": "1Gi", "count/deployments.apps": "2", "requests.example.com/x": "3"}, "scopes": ["NotBestEffort", "NotTerminating"]}},
                        {"spec": {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}]}}}],
    "/secrets": [{"type": "Opaque", "data": {"k": "YQ=="}, "immutable": True}, {"type": "kubernetes.io/tls", "data": {"tls.crt": "YQ==", "tls.key": "YQ=="}}, {"type": "kubernetes.io/basic-auth", "stringData": {"username": "u"}},
                 {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{}"}}, {"type": "kubernetes.io/ssh-auth", "stringData": {"ssh-privatekey": "k"}}],
    "/configmaps": [{"data": {"k": "v"}, "binaryData": {"b": "YQ=="}, "immutable": True}],
    "/serviceaccounts": [{"secrets": [{"name": "s"}], "imagePullSecrets": [{"name": "p"}], "automountServiceAccountToken": False}],
    "/persistentvolumeclaims": [{"spec": CLAIM_SPEC}],
    "/persistentvolumes": [{"spec": VOLUME | {source: value}} if source == "csi" else {"spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, source: value,
                            **({"nodeAffinity": {"required": {"nodeSelectorTerms": [NODE_TERM]}}} if source == "local" else {})}} for source, value in VOLUME_SOURCES.items()],
    "/replicationcontrollers": [{"spec": {"replicas": 2, "minReadySeconds": 3, "selector": {"app": "x"}, "template": TEMPLATE}}],
    "/podtemplates": [{"template": TEMPLATE | {"spec": POD_SPEC}}],
    "apps/deployments": [{"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 1}}, "minReadySeconds": 1, "revisionHistoryLimit": 2, "progressDeadlineSeconds": 5}}],
    "apps/replicasets": [{"spec": {"replicas": 2, "minReadySeconds": 3, "selector": SELECTOR, "template": TEMPLATE}}],
    "apps/daemonsets": [{"spec": {"selector": SELECTOR, "template": TEMPLATE, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}, "minReadySeconds": 1, "revisionHistoryLimit": 2}}],
    "apps/statefulsets": [{"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE, "serviceName": "s", "podManagementPolicy": "Parallel", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1, "maxUnavailable": 1}},
                                   "revisionHistoryLimit": 2, "minReadySeconds": 1, "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Delete"}, "ordinals": {"start": 1},
                                   "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": CLAIM_SPEC}]}}],
    "apps/controllerrevisions": [{"revision": 2, "data": {"spec": {"a": [1]}}}],
    "events.k8s.io/events": [{"eventTime": "2026-01-02T03:04:05.000006Z", "reportingController": "c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal", "note": "n", "regarding": {"kind": "Pod", "name": "x", "namespace": "every"},
                              "related": {"kind": "Pod", "name": "y"}, "series": {"count": 2, "lastObservedTime": "2026-01-02T03:04:05.000006Z"}},
                             {"eventTime": "2026-01-02T03:04:05.000006Z", "reportingController": "c", "reportingInstance": "i", "action": "A", "reason": "R", "type": "Normal", "regarding": {"kind": "Pod", "name": "x", "namespace": "every"},
                              "deprecatedSource": {"component": "c"}, "deprecatedCount": 2, "deprecatedFirstTimestamp": "2026-01-02T03:04:05Z", "deprecatedLastTimestamp": "2026-01-02T03:04:05Z"}],
    "autoscaling/horizontalpodautoscalers": [{"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "minReplicas": 1, "maxReplicas": 2, "metrics": METRICS, "behavior": {"scaleUp": SCALING, "scaleDown": SCALING}}}],
    "batch/jobs": [{"spec": JOB}, {"spec": {"manualSelector": True, "selector": SELECTOR, "template": JOB_TEMPLATE, "parallelism": 2, "completions": 2}}],
    "batch/cronjobs": [{"spec": {"schedule": "*/5 * * * *", "timeZone": "Europe/Berlin", "startingDeadlineSeconds": 5, "concurrencyPolicy": "Forbid", "suspend": True, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 2,
                                 "jobTemplate": {"metadata": LABELS, "spec": JOB}}}],
    "networking.k8s.io/ingressclasses": [{"spec": {"controller": "example.com/c", "parameters": {"apiGroup": "example.com", "kind": "K", "name": "n", "scope": "Namespace", "namespace": "a"}}}],
    "networking.k8s.io/ingresses": [{"spec": {"ingressClassName": "c", "defaultBackend": {"resource": {"apiGroup": "example.com", "kind": "K", "name": "n"}}, "tls": [{"hosts": ["a.example.com"], "secretName": "s"}],
                                              "rules": [{"host": "*.example.com", "http": {"paths": [{"path": "/p", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"name": "p"}}}}, {"path": "/q", "pathType": "Exact", "backend": BACKEND}]}}]}}],
    "networking.k8s.io/networkpolicies": [{"spec": {"podSelector": SELECTOR, "policyTypes": ["Ingress", "Egress"], "ingress": [{"ports": [{"protocol": "TCP", "port": 80, "endPort": 90}], "from": [PEER, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}],
                                                    "egress": [{"ports": [{"protocol": "UDP", "port": "dns"}], "to": [PEER, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]}}],
    "policy/poddisruptionbudgets": [{"spec": {"minAvailable": "50%", "selector": SELECTOR, "unhealthyPodEvictionPolicy": "AlwaysAllow"}}, {"spec": {"maxUnavailable": 1}}],
    "rbac.authorization.k8s.io/clusterrolebindings": [{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": SUBJECTS}],
    "rbac.authorization.k8s.io/clusterroles": [{"rules": ROLE_RULES + [{"nonResourceURLs": ["/a/*"], "verbs": ["get"]}], "aggregationRule": {"clusterRoleSelectors": [SELECTOR]}}],
    "rbac.authorization.k8s.io/rolebindings": [{"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, "subjects": SUBJECTS}],
    "rbac.authorization.k8s.io/roles": [{"rules": ROLE_RULES}],
    "storage.k8s.io/csidrivers": [{"spec": {"attachRequired": True, "podInfoOnMount": True, "volumeLifecycleModes": ["Persistent", "Ephemeral"], "storageCapacity": True, "fsGroupPolicy": "File", "tokenRequests": [{"audience": "a", "expirationSeconds": 600}],
                                            "requiresRepublish": True, "seLinuxMount": True, "nodeAllocatableUpdatePeriodSeconds": 10}}],
    "storage.k8s.io/csinodes": [{"spec": {"drivers": [{"name": "d.example.com", "nodeID": "n", "topologyKeys": ["k"], "allocatable": {"count": 3}}]}}],
    "storage.k8s.io/csistoragecapacities": [{"nodeTopology": SELECTOR, "storageClassName": "s", "capacity": "1Gi", "maximumVolumeSize": "1Gi"}],
    "storage.k8s.io/storageclasses": [{"provisioner": "example.com/p", "parameters": {"a": "b"}, "reclaimPolicy": "Retain", "mountOptions": ["o"], "allowVolumeExpansion": True, "volumeBindingMode": "WaitForFirstConsumer",
                                       "allowedTopologies": [{"matchLabelExpressions": [{"key": "k", "values": ["v"]}]}]}],
    "storage.k8s.io/volumeattachments": [{"spec": {"attacher": "d.example.com", "nodeName": "n", "source": {"inlineVolumeSpec": VOLUME | {"csi": VOLUME_SOURCES["csi"]}}}}],
    "admissionregistration.k8s.io/mutatingadmissionpolicies": [{"spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "matchConstraints": MATCH, "variables": [{"name": "v", "expression": "1"}], "matchConditions": [{"name": "m", "expression": "true"}],
        "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]}}],
    "admissionregistration.k8s.io/mutatingadmissionpolicybindings": [{"spec": {"policyName": "none", "paramRef": {"name": "p", "namespace": "n", "parameterNotFoundAction": "Deny"}, "matchResources": MATCH}}],
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": [{"webhooks": [WEBHOOK | {"reinvocationPolicy": "IfNeeded"}]}],
    "admissionregistration.k8s.io/validatingadmissionpolicies": [{"spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "matchConstraints": MATCH, "variables": [{"name": "v", "expression": "1"}], "matchConditions": [{"name": "m", "expression": "true"}],
        "failurePolicy": "Ignore", "auditAnnotations": [{"key": "k", "valueExpression": "'a'"}], "validations": [{"expression": "variables.v == 1", "message": "m", "reason": "Forbidden", "messageExpression": "'m'"}]}}],
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": [{"spec": {"policyName": "none", "paramRef": {"selector": SELECTOR, "namespace": "n", "parameterNotFoundAction": "Allow"}, "matchResources": MATCH, "validationActions": ["Warn", "Audit"]}}],
    "admissionregistration.k8s.io/validatingwebhookconfigurations": [{"webhooks": [WEBHOOK]}],
    "scheduling.k8s.io/priorityclasses": [{"value": 10, "description": "d", "preemptionPolicy": "Never"}],
    "coordination.k8s.io/leases": [{"spec": {"holderIdentity": "me", "leaseDurationSeconds": 30, "acquireTime": "2026-01-02T03:04:05.000006Z", "renewTime": "2026-01-02T03:04:05.000006Z", "leaseTransitions": 1}}],
    "node.k8s.io/runtimeclasses": [{"handler": "runc", "overhead": {"podFixed": {"cpu": "1m"}}, "scheduling": {"nodeSelector": {"a": "b"}, "tolerations": TOLERATIONS}}],
    "discovery.k8s.io/endpointslices": [{"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"], "conditions": {"ready": True, "serving": True, "terminating": False}, "hostname": "h", "targetRef": {"kind": "Pod", "name": "x"}, "nodeName": "n", "zone": "z",
                                         "deprecatedTopology": {"a": "b"}, "hints": {"forZones": [{"name": "z"}], "forNodes": [{"name": "n"}]}}], "ports": [{"name": "p", "protocol": "TCP", "port": 80, "appProtocol": "http"}]}],
    "resource.k8s.io/deviceclasses": [{"spec": {"selectors": [{"cel": {"expression": "device.driver == 'd'"}}], "config": [{"opaque": {"driver": "d.example.com", "parameters": {"a": "b"}}}], "extendedResourceName": "example.com/x"}}],
    "resource.k8s.io/resourceclaims": [{"spec": CLAIM}],
    "resource.k8s.io/resourceclaimtemplates": [{"metadata": LABELS, "spec": {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": CLAIM}}],
    "resource.k8s.io/resourceslices": [{"spec": SLICE | {"nodeName": "n", "devices": [DEVICE]}}, {"spec": SLICE | {"allNodes": True, "sharedCounters": [{"name": "s", "counters": {"c": {"value": "1"}}}]}},
                                       {"spec": SLICE | {"perDeviceNodeSelection": True, "devices": [{"name": "d", "nodeSelector": {"nodeSelectorTerms": [NODE_TERM]}}, {"name": "e", "nodeName": "n"}, {"name": "f", "allNodes": True}]}},
                                       {"spec": SLICE | {"nodeSelector": {"nodeSelectorTerms": [NODE_TERM]}}}],
    "flowcontrol.apiserver.k8s.io/flowschemas": [{"spec": {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 9000, "distinguisherMethod": {"type": "ByUser"}, "rules": [FLOW_RULES]}}],
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": [{"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 2, "lendablePercent": 5, "borrowingLimitPercent": 6, "limitResponse": {"type": "Queue", "queuing": {"queues": 8, "handSize": 2, "queueLengthLimit": 5}}}}}],
    "certificates.k8s.io/certificatesigningrequests": [{"spec": {"request": "AQ==", "signerName": "example.com/s", "expirationSeconds": 600, "usages": ["client auth", "digital signature"]}}],
    "apiregistration.k8s.io/apiservices": [{"spec": {"group": "g1.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15, "service": {"namespace": "n", "name": "s", "port": 443}, "insecureSkipTLSVerify": True}}],
}
