#include "support.hpp"

#include <algorithm>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace kinds_test {
using namespace keelson::kinds;

json::value js(std::string_view text) {
  std::string quoted(text);
  std::replace(quoted.begin(), quoted.end(), '\'', '"');
  return json::parse(quoted);
}

std::string show(const json::value& value) {
  std::string text = json::serialize(value);
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

namespace {

const Type kString{.shape = Shape::string}, kInt{.shape = Shape::int32}, kBool{.shape = Shape::boolean}, kTime{.shape = Shape::time};
const Type kRaw{.shape = Shape::raw};
const Type kStringMap{.shape = Shape::map, .element = &kString};
const Type kAtomicMap{.shape = Shape::map, .element = &kString, .map_atomic = true};
const Type kStringSet{.shape = Shape::list, .element = &kString, .list_type = ListType::set};
const Type kStringList{.shape = Shape::list, .element = &kString, .list_type = ListType::atomic};
const std::string_view kNameKey[] = {"name"}, kPortKeys[] = {"containerPort", "protocol"}, kUidKey[] = {"uid"}, kTypeKey[] = {"type"};

const Field kPortFields[] = {
    {.name = "name", .type = &kString}, {.name = "containerPort", .type = &kInt}, {.name = "protocol", .type = &kString, .default_json = "\"TCP\""}};
const Type kPort{.shape = Shape::object, .name = "core/v1.ContainerPort", .fields = kPortFields};
const Type kPorts{.shape = Shape::list, .element = &kPort, .list_type = ListType::map, .list_map_keys = kPortKeys};
const Field kEnvFields[] = {{.name = "name", .type = &kString}, {.name = "value", .type = &kString}};
const Type kEnvVar{.shape = Shape::object, .name = "core/v1.EnvVar", .fields = kEnvFields};
const Type kEnv{.shape = Shape::list, .element = &kEnvVar, .list_type = ListType::map, .list_map_keys = kNameKey};
const Field kContainerFields[] = {{.name = "name", .type = &kString},
                                  {.name = "image", .type = &kString},
                                  {.name = "args", .type = &kStringList},
                                  {.name = "ports", .type = &kPorts, .patch_strategy = "merge", .patch_merge_key = "containerPort"},
                                  {.name = "env", .type = &kEnv, .patch_strategy = "merge", .patch_merge_key = "name"},
                                  {.name = "tty", .type = &kBool}};
const Type kContainer{.shape = Shape::object, .name = "core/v1.Container", .fields = kContainerFields};
const Type kContainers{.shape = Shape::list, .element = &kContainer, .list_type = ListType::map, .list_map_keys = kNameKey};
const Field kVolumeFields[] = {{.name = "name", .type = &kString}, {.name = "emptyDir", .type = &kStringMap}, {.name = "hostPath", .type = &kStringMap}};
const Type kVolume{.shape = Shape::object, .name = "core/v1.Volume", .fields = kVolumeFields};
const Type kVolumes{.shape = Shape::list, .element = &kVolume, .list_type = ListType::map, .list_map_keys = kNameKey};
const Field kStrategyFields[] = {{.name = "type", .type = &kString}, {.name = "rollingUpdate", .type = &kStringMap}};
const Type kStrategy{.shape = Shape::object, .name = "apps/v1.DeploymentStrategy", .fields = kStrategyFields};
const Field kSpecFields[] = {{.name = "replicas", .type = &kInt},
                             {.name = "paused", .type = &kBool},
                             {.name = "strategy", .type = &kStrategy, .patch_strategy = "retainKeys"},
                             {.name = "selector", .type = &kAtomicMap},
                             {.name = "containers", .type = &kContainers, .patch_strategy = "merge", .patch_merge_key = "name"},
                             {.name = "volumes", .type = &kVolumes, .patch_strategy = "merge,retainKeys", .patch_merge_key = "name"},
                             {.name = "args", .type = &kStringList},
                             {.name = "raw", .type = &kRaw}};
const Type kSpec{.shape = Shape::object, .name = "apps/v1.WidgetSpec", .fields = kSpecFields};
const Field kConditionFields[] = {{.name = "type", .type = &kString}, {.name = "status", .type = &kString}, {.name = "lastTransitionTime", .type = &kTime}};
const Type kCondition{.shape = Shape::object, .name = "apps/v1.Condition", .fields = kConditionFields};
const Type kConditions{.shape = Shape::list, .element = &kCondition, .list_type = ListType::map, .list_map_keys = kTypeKey};
const Field kStatusFields[] = {{.name = "ready", .type = &kInt}, {.name = "conditions", .type = &kConditions, .patch_strategy = "merge", .patch_merge_key = "type"}};
const Type kStatus{.shape = Shape::object, .name = "apps/v1.WidgetStatus", .fields = kStatusFields};

const Field kOwnerFields[] = {{.name = "uid", .type = &kString}, {.name = "name", .type = &kString}};
const Type kOwner{.shape = Shape::object, .name = "meta/v1.OwnerReference", .fields = kOwnerFields, .map_atomic = true};
const Type kOwners{.shape = Shape::list, .element = &kOwner, .list_type = ListType::map, .list_map_keys = kUidKey};
const Type kManaged{.shape = Shape::list, .element = &kRaw, .list_type = ListType::atomic};
const Field kMetaFields[] = {{.name = "name", .type = &kString},
                             {.name = "namespace", .type = &kString},
                             {.name = "uid", .type = &kString},
                             {.name = "resourceVersion", .type = &kString},
                             {.name = "generation", .type = &kInt},
                             {.name = "creationTimestamp", .type = &kTime},
                             {.name = "labels", .type = &kStringMap},
                             {.name = "annotations", .type = &kStringMap},
                             {.name = "ownerReferences", .type = &kOwners, .patch_strategy = "merge", .patch_merge_key = "uid"},
                             {.name = "finalizers", .type = &kStringSet, .patch_strategy = "merge"},
                             {.name = "managedFields", .type = &kManaged}};
const Type kMeta{.shape = Shape::object, .name = "meta/v1.ObjectMeta", .fields = kMetaFields};
const Field kWidgetFields[] = {{.name = "apiVersion", .type = &kString},
                               {.name = "kind", .type = &kString},
                               {.name = "metadata", .type = &kMeta},
                               {.name = "spec", .type = &kSpec},
                               {.name = "status", .type = &kStatus}};
const Type kWidget{.shape = Shape::object, .name = "apps/v1.Widget", .fields = kWidgetFields};

Kind make(bool custom) {
  Kind kind;
  kind.group = "apps", kind.version = "v1", kind.resource = "widgets", kind.kind = "Widget";
  kind.strategy.custom_resource = custom;
  kind.type = std::shared_ptr<const Type>(&kWidget, [](const Type*) {});
  return kind;
}

}  // namespace

const Kind& widget() {
  static const Kind kind = make(false);
  return kind;
}

const Kind& custom() {
  static const Kind kind = make(true);
  return kind;
}

std::string patched(PatchType type, std::string_view original, std::string_view patch_text, const Kind& kind) {
  const json::value before = js(original);
  const auto result = keelson::kinds::patch(kind, type, before, js(patch_text), {});
  CHECK(before == js(original));
  if (result) return show(*result);
  std::string text = std::to_string(result.error().code) + ' ' + result.error().message;
  for (const auto& cause : result.error().causes) text += " | " + cause.message;
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

}  // namespace kinds_test
