// Rules of pods and volumes by table, told as upstream tells them (tests/upstream/compare_kinds asks its server). "'" stands for '"'.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

struct Row {
  std::string_view given, told;
};

std::string quoted(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '\'', '"');
  return out;
}

std::string told(std::string_view kind, const std::string& spec) {
  const auto k = builtin("v1", kind);
  const std::string space = kind == "PersistentVolume" ? "" : R"(,"namespace":"d")";
  std::string text;
  for (const auto& cause : validate(*k, defaulted(*k, R"({"metadata":{"name":"a")" + space + R"(},"spec":)" + quoted(spec) + "}"), nullptr, ""))
    text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.message;
  return text;
}

constexpr Row kVolumes[] = {
    {"'emptyDir':{'sizeLimit':'-1'}", "emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"},
    {"'emptyDir':{},'hostPath':{'path':'/x'}", "hostPath: Forbidden: may not specify more than 1 volume type"},
    {"'emptyDir':{},'cephfs':{'monitors':['m']}", "cephFS: Forbidden: may not specify more than 1 volume type"},
    {"'gitRepo':{'repository':'r','directory':'../x'}", "gitRepo.directory: Invalid value: '../x': must not contain '..'"},
    {"'gcePersistentDisk':{'partition':256}", "persistentDisk.pdName: Required value | persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive"},
    {"'nfs':{'server':'s','path':'p'}", "nfs.path: Invalid value: 'p': must be an absolute path"},
    {"'iscsi':{'targetPortal':'p','iqn':'x','lun':256,'chapAuthSession':true}",
     "iscsi.iqn: Invalid value: 'x': must be valid format starting with iqn, eui, or naa | iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive | iscsi.secretRef: Required value"},
    {"'iscsi':{'targetPortal':'p','iqn':'iqn.x','lun':1}", "iscsi.iqn: Invalid value: 'iqn.x': must be valid format"},
    {"'fc':{'targetWWNs':['w']}", "fc.lun: Required value: lun is required if targetWWNs is specified"},
    {"'fc':{'targetWWNs':['w'],'wwids':['x'],'lun':1}", "fc.targetWWNs: Invalid value: ['w']: targetWWNs and wwids can not be specified simultaneously"},
    {"'quobyte':{'registry':'r','volume':'v'}", "quobyte.registry: Invalid value: 'r': must be a host:port pair or multiple pairs separated by commas"},
    {"'quobyte':{'registry':'r:1,[::1]:2','volume':'v'}", ""},
    {"'flocker':{'datasetName':'a/b'}", "flocker.datasetName: Invalid value: 'a/b': must not contain '/'"},
    {"'flexVolume':{'driver':'x','options':{'k8s.io/a':'b'}}", "flexVolume.options[k8s.io/a]: Invalid value: 'k8s.io/a': kubernetes.io and k8s.io namespaces are reserved"},
    {"'azureDisk':{'diskName':'d','diskURI':'x','kind':'Managed'}",
     "azureDisk.diskURI: Unsupported value: 'x': supported values: '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'"},
    {"'csi':{}", "csi.driver: Required value"},
    {"'image':{'reference':'','pullPolicy':'x'}", "image.reference: Required value | image.pullPolicy: Unsupported value: 'x': supported values: 'Always', 'IfNotPresent', 'Never'"},
    {"'ephemeral':{}", "ephemeral.volumeClaimTemplate: Required value"},
    {"'ephemeral':{'volumeClaimTemplate':{'spec':{'accessModes':['ReadWriteOnce']}}}", "ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"},
    {"'ephemeral':{'volumeClaimTemplate':{'metadata':{'name':'x'},'spec':{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'1'}}}}}",
     "ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set"},
    {"'downwardAPI':{'items':[{'path':'p'}]}", "downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"},
    {"'downwardAPI':{'items':[{'path':'p','resourceFieldRef':{'resource':'limits.cpu'}}]}", "downwardAPI.resourceFieldRef.containerName: Required value"},
    {"'projected':{'sources':[{'secret':{'name':'s'},'configMap':{'name':'m'}}]}", "projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"},
    {"'projected':{'sources':[{'secret':{'name':'s','items':[{'key':'k','path':'p'}]}},{'secret':{'name':'t','items':[{'key':'k','path':'p'}]}}]}",
     "projected: Invalid value: 't': conflicting duplicate paths"},
};

constexpr Row kContainers[] = {
    {"'volumeMounts':[{'name':'v','mountPath':'/x','mountPropagation':'x'}]",
     "spec.containers[0].volumeMounts.mountPropagation: Unsupported value: 'x': supported values: 'Bidirectional', 'HostToContainer', 'None'"},
    {"'volumeMounts':[{'name':'v','mountPath':'/x','recursiveReadOnly':'Enabled'}]", "spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true"},
    {"'volumeDevices':[{'name':'v','devicePath':'/x'}]",
     "spec.containers[0].volumeDevices[0].name: Invalid value: 'v': can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"},
    {"'volumeDevices':[{'name':'c','devicePath':'/x'}],'volumeMounts':[{'name':'c','mountPath':'/y'}]",
     "spec.containers[0].volumeMounts[0].name: Invalid value: 'c': must not already exist in volumeDevices | spec.containers[0].volumeDevices[0].name: Invalid value: 'c': must not already exist in volumeMounts"},
    {"'resources':{'claims':[{'name':'x'}]}", "spec.containers[0].resources.claims[0]: Not found: 'x': must be one of the names in pod.spec.resourceClaims which is empty"},
    {"'resources':{'limits':{'hugepages-2Mi':'3Mi','cpu':'1'}}",
     "spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: '3Mi': 3Mi is not positive integer multiple of hugepages-2Mi | "
     "spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: '3Mi': 3Mi is not positive integer multiple of hugepages-2Mi"},
    {"'resources':{'limits':{'apples':'1'}}",
     "spec.containers[0].resources.limits[apples]: Invalid value: 'apples': must be a standard resource type or fully qualified | spec.containers[0].resources.limits[apples]: Invalid value: 'apples': "
     "must be a standard resource for containers | spec.containers[0].resources.requests[apples]: Invalid value: 'apples': must be a standard resource type or fully qualified | "
     "spec.containers[0].resources.requests[apples]: Invalid value: 'apples': must be a standard resource for containers"},
    {"'securityContext':{'procMount':'x'}", "spec.containers[0].securityContext.procMount: Unsupported value: 'x': supported values: 'Default', 'Unmasked'"},
    {"'securityContext':{'seccompProfile':{'type':'RuntimeDefault','localhostProfile':'p'}}",
     "spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid value: {'Type':'RuntimeDefault','LocalhostProfile':'p'}: can only be set when seccomp type is Localhost"},
    {"'securityContext':{'appArmorProfile':{'type':'Localhost','localhostProfile':' p'}}",
     "spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: ' p': must not be padded with whitespace"},
    {"'securityContext':{'windowsOptions':{'runAsUserName':'a\\\\b\\\\c'}}",
     "spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: 'a\\\\b\\\\c': runAsUserName cannot contain more than one backslash"},
    {"'restartPolicyRules':[{'action':'x','exitCodes':{'operator':'y'}}]",
     "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used | spec.containers[0].restartPolicyRules[0].action: Unsupported value: 'x': supported values: "
     "'Restart', 'RestartAllContainers' | spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: 'y': supported values: 'In', 'NotIn'"},
    {"'envFrom':[{}]", "spec.containers[0].envFrom: Invalid value: '': must specify one of: `configMapRef` or `secretRef`"},
    {"'env':[{'name':'a','valueFrom':{'fieldRef':{'apiVersion':'v2','fieldPath':'metadata.name'}}}]",
     "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: 'metadata.name': error converting fieldPath: unsupported pod version: v2"},
    {"'env':[{'name':'a','valueFrom':{'resourceFieldRef':{'resource':'limits.memory','divisor':'3'}}}]",
     "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: 'limits.memory': only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource"},
};

constexpr Row kSpecs[] = {
    {"'resourceClaims':[{'name':'r'}]",
     "spec.resourceClaims[0]: Invalid value: {'Name':'r','ResourceClaimName':null,'ResourceClaimTemplateName':null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"},
    {"'resources':{'limits':{'example.com/x':'1'}}", "spec.resources.limits[example.com/x]: Unsupported value: 'example.com/x': supported values: 'cpu', 'hugepages-', 'memory'"},
    {"'resources':{'requests':{'cpu':'2'},'limits':{'cpu':'1'}}", "spec.resources.requests: Invalid value: '2': must be less than or equal to cpu limit of 1"},
    {"'hostnameOverride':'h','setHostnameAsFQDN':true", "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true"},
    {"'os':{'name':'windows'},'securityContext':{'runAsUser':1}", "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod"},
    {"'os':{'name':'linux'},'securityContext':{'windowsOptions':{'gmsaCredentialSpecName':'g'}}", "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"},
    {"'hostIPC':true,'securityContext':{'sysctls':[{'name':'kernel.shmmax','value':'1'}]}", "spec.securityContext.sysctls[0].name: Invalid value: 'kernel.shmmax': may not be specified when 'hostIPC' is true"},
    {"'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'t','matchLabelKeys':['m']}]}}",
     "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set"},
    {"'overhead':{'apples':'1'}",
     "spec.overhead.limits[apples]: Invalid value: 'apples': must be a standard resource type or fully qualified | spec.overhead.limits[apples]: Invalid value: 'apples': must be a standard resource for containers"},
};

constexpr Row kPersistent[] = {
    {"'hostPath':{'path':'/'},'persistentVolumeReclaimPolicy':'Recycle'", "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"},
    {"'csi':{'driver':'d.example.com','volumeHandle':'h','nodePublishSecretRef':{'name':'s'}}", "spec.csi.nodePublishSecretRef.namespace: Required value"},
    {"'hostPath':{'path':'/x'},'volumeAttributesClassName':'c'", "spec.csi: Required value: has to be specified when using volumeAttributesClassName"},
    {"'glusterfs':{'endpoints':'e','path':'p','endpointsNamespace':''}", "spec.glusterfs.endpointsNamespace: Invalid value: '': if the endpointnamespace is set, it must be a valid namespace name"},
    {"'local':{'path':'/x'}", "spec.nodeAffinity: Required value: Local volume requires node affinity"},
};

}  // namespace

TEST_CASE("A volume has one source, which is as it should be") {
  for (const auto& row : kVolumes) {
    INFO(row.given);
    std::string wanted;
    for (std::size_t from = 0; !row.told.empty() && from < row.told.size();) {
      const auto to = std::min(row.told.find(" | ", from), row.told.size());
      wanted += (wanted.empty() ? "" : " | ") + ("spec.volumes[0]." + quoted(row.told.substr(from, to - from)));
      from = to + 3;
    }
    const auto plain = wanted;
    const auto seen = told("Pod", "{'containers':[{'name':'c','image':'i'}],'volumes':[{'name':'v'," + std::string(row.given) + "}]}");
    CHECK(quoted(seen) == plain);
  }
}

TEST_CASE("What a container mounts, asks for and may do is checked against its pod") {
  for (const auto& row : kContainers) {
    INFO(row.given);
    const auto volumes = "'volumes':[{'name':'v','emptyDir':{}},{'name':'c','persistentVolumeClaim':{'claimName':'x'}}]";
    CHECK(quoted(told("Pod", "{'containers':[{'name':'c','image':'i'," + std::string(row.given) + "}]," + volumes + "}")) == quoted(row.told));
  }
}

TEST_CASE("What a pod says of itself fits together") {
  for (const auto& row : kSpecs) {
    INFO(row.given);
    CHECK(quoted(told("Pod", "{'containers':[{'name':'c','image':'i'}]," + std::string(row.given) + "}")) == quoted(row.told));
  }
}

TEST_CASE("A PersistentVolume has one source, and what belongs to it") {
  for (const auto& row : kPersistent) {
    INFO(row.given);
    CHECK(quoted(told("PersistentVolume", "{'accessModes':['ReadWriteOnce'],'capacity':{'storage':'1Gi'}," + std::string(row.given) + "}")) == quoted(row.told));
  }
}
