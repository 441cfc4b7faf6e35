#include <boost/json.hpp>

#include <algorithm>
#include <set>

#include "volumes.hpp"

namespace keelson::node {
namespace {

constexpr unsigned kDefaultMode = 0644;
constexpr unsigned kTokenMode = 0600;

struct Mode {
  std::optional<std::int32_t> fallback;
  unsigned of(const std::optional<std::int32_t>& own) const { return static_cast<unsigned>(own.value_or(fallback.value_or(kDefaultMode))); }
};

Error missing(const std::string& kind, const std::string& ns, const std::string& name) {
  return {400, "FailedMount", kind + " \"" + name + "\" not found in namespace \"" + ns + "\"", {}};
}

using Data = std::map<std::string, std::string>;

/// All keys, or those that `items` names under the paths they ask for.
Outcome<void> add_keys(std::vector<VolumeFile>& files, const Data& data, const std::vector<core_v1::KeyToPath>& items, Mode mode, bool optional) {
  if (items.empty()) {
    for (const auto& [key, bytes] : data) files.push_back({key, bytes, mode.of(std::nullopt), {}});
    return {};
  }
  for (const auto& item : items) {
    const auto found = data.find(item.key);
    if (found != data.end()) files.push_back({item.path, found->second, mode.of(item.mode), {}});
    else if (!optional) return Error{400, "FailedMount", "references non-existent config key: " + item.key, {}};
  }
  return {};
}

template <class Source>
Outcome<void> add_config_map(std::vector<VolumeFile>& files, const VolumeInputs& inputs, const Source& source, Mode mode) {
  const std::string& ns = inputs.pod.meta.namespace_;
  const auto map = inputs.cluster.config_map({ns, source.name});
  const bool optional = source.optional.value_or(false);
  if (!map) return optional ? Outcome<void>() : Outcome<void>(missing("configmap", ns, source.name));
  Data data = map->data;
  for (const auto& [key, bytes] : map->binaryData) data[key] = bytes;
  return add_keys(files, data, source.items, mode, optional);
}

template <class Items>
Outcome<void> add_secret(std::vector<VolumeFile>& files, const VolumeInputs& inputs, const std::string& name, const Items& items, bool optional, Mode mode) {
  const std::string& ns = inputs.pod.meta.namespace_;
  const auto secret = inputs.cluster.secret({ns, name});
  if (!secret) return optional ? Outcome<void>() : Outcome<void>(missing("secret", ns, name));
  return add_keys(files, secret->data, items, mode, optional);
}

const Container* container_named(const Pod& pod, const std::string& name) {
  for (const auto* list : {&pod.spec.containers, &pod.spec.initContainers})
    for (const auto& container : *list)
      if (container.name == name) return &container;
  return nullptr;
}

Outcome<void> add_downward(std::vector<VolumeFile>& files, const VolumeInputs& inputs, const std::vector<core_v1::DownwardAPIVolumeFile>& items, Mode mode) {
  for (const auto& item : items) {
    std::optional<std::string> value;
    if (item.fieldRef) {
      value = field_value(inputs.pod, item.fieldRef->fieldPath, inputs.env.addresses);
    } else if (item.resourceFieldRef) {
      const auto& reference = *item.resourceFieldRef;
      const auto* container = container_named(inputs.pod, reference.containerName);
      if (container != nullptr) value = resource_value(*container, reference.resource, reference.divisor.text, inputs.env.node_allocatable);
    }
    if (!value) return Error{400, "FailedMount", "unable to resolve the value of " + item.path, {}};
    files.push_back({item.path, *value, mode.of(item.mode), {}});
  }
  return {};
}

std::string token_request(const Pod& pod, const std::string& audience, std::int64_t seconds) {
  boost::json::array audiences;
  if (!audience.empty()) audiences.emplace_back(audience);
  return boost::json::serialize(boost::json::object{
      {"apiVersion", "authentication.k8s.io/v1"},
      {"kind", "TokenRequest"},
      {"spec",
       {{"audiences", audiences},
        {"expirationSeconds", seconds},
        {"boundObjectRef", {{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", pod.meta.name}, {"uid", pod.meta.uid}}}}}});
}

Outcome<std::string> parse_token(const std::string& answer) {
  boost::system::error_code failed;
  const auto document = boost::json::parse(answer, failed);
  const auto* status = !failed && document.is_object() ? document.get_object().if_contains("status") : nullptr;
  const auto* token = status != nullptr && status->is_object() ? status->get_object().if_contains("token") : nullptr;
  if (token == nullptr || !token->is_string()) return Error{500, "InternalError", "the token request's answer has no token", {}};
  return std::string(token->get_string());
}

Outcome<std::string> token_for(const core_v1::ServiceAccountTokenProjection& projection, const VolumeInputs& inputs) {
  const std::int64_t seconds = projection.expirationSeconds.value_or(kTokenDefaultS);
  const std::int64_t now = inputs.cluster.unix_ns() / 1'000'000'000;
  auto& cached = inputs.tokens[projection.audience + "/" + std::to_string(seconds)];
  if (!cached.token.empty() && !cached.due(now)) return cached.token;
  const std::string account = inputs.pod.spec.serviceAccountName.empty() ? "default" : inputs.pod.spec.serviceAccountName;
  const auto answer = inputs.cluster.request_token({inputs.pod.meta.namespace_, account}, token_request(inputs.pod, projection.audience, seconds));
  if (!answer) {
    if (!cached.token.empty() && now < cached.expires_s) return cached.token;   // still good; asked for again at the next sync
    return Error{500, "FailedMount", "failed to fetch token: " + answer.error().message, {}};
  }
  auto token = parse_token(*answer);
  if (!token) return token.error();
  cached = {*token, now, now + seconds};
  return cached.token;
}

/// The one user that all containers run as, if there is one.
std::optional<std::uint32_t> single_user(const Pod& pod) {
  std::optional<std::int64_t> pod_user;
  if (pod.spec.securityContext) pod_user = pod.spec.securityContext->runAsUser;
  std::set<std::optional<std::int64_t>> users;
  for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers})
    for (const auto& container : *list)
      users.insert(container.securityContext && container.securityContext->runAsUser ? container.securityContext->runAsUser : pod_user);
  if (users.size() != 1 || !*users.begin()) return std::nullopt;
  return static_cast<std::uint32_t>(**users.begin());
}

Outcome<void> add_token(std::vector<VolumeFile>& files, const core_v1::ServiceAccountTokenProjection& projection, const VolumeInputs& inputs, Mode mode) {
  auto token = token_for(projection, inputs);
  if (!token) return token.error();
  const bool group = inputs.pod.spec.securityContext && inputs.pod.spec.securityContext->fsGroup;
  const auto user = single_user(inputs.pod);
  files.push_back({projection.path, *token, group || user ? kTokenMode : mode.of(std::nullopt), group ? std::nullopt : user});
  return {};
}

Outcome<void> add_projection(std::vector<VolumeFile>& files, const core_v1::VolumeProjection& source, const VolumeInputs& inputs, Mode mode) {
  if (source.configMap) return add_config_map(files, inputs, *source.configMap, mode);
  if (source.secret) return add_secret(files, inputs, source.secret->name, source.secret->items, source.secret->optional.value_or(false), mode);
  if (source.downwardAPI) return add_downward(files, inputs, source.downwardAPI->items, mode);
  if (source.serviceAccountToken) return add_token(files, *source.serviceAccountToken, inputs, mode);
  return Error{400, "FailedMount", "this kind of projected source is not supported", {}};
}

template <class Names>
void add_env_names(const Pod& pod, Names add) {
  for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers})
    for (const auto& container : *list) add(container);
}

}  // namespace

bool has_payload(const core_v1::Volume& volume) { return volume.configMap || volume.secret || volume.projected || volume.downwardAPI; }

Outcome<std::vector<VolumeFile>> volume_payload(const core_v1::Volume& volume, const VolumeInputs& inputs) {
  std::vector<VolumeFile> files;
  if (volume.configMap) {
    KEELSON_TRY_VOID(add_config_map(files, inputs, *volume.configMap, {volume.configMap->defaultMode}));
  } else if (volume.secret) {
    const auto& secret = *volume.secret;
    KEELSON_TRY_VOID(add_secret(files, inputs, secret.secretName, secret.items, secret.optional.value_or(false), {secret.defaultMode}));
  } else if (volume.downwardAPI) {
    KEELSON_TRY_VOID(add_downward(files, inputs, volume.downwardAPI->items, {volume.downwardAPI->defaultMode}));
  } else if (volume.projected) {
    for (const auto& source : volume.projected->sources)
      KEELSON_TRY_VOID(add_projection(files, source, inputs, {volume.projected->defaultMode}));
  }
  return files;
}

std::int64_t next_refresh_s(const TokenCache& tokens) {
  std::int64_t first = 0;
  for (const auto& [key, token] : tokens)
    if (!token.token.empty() && (first == 0 || token.refresh_s() < first)) first = token.refresh_s();
  return first;
}

std::vector<std::string> config_maps_of(const Pod& pod) {
  std::set<std::string> names;
  for (const auto& volume : pod.spec.volumes) {
    if (volume.configMap) names.insert(volume.configMap->name);
    if (volume.projected)
      for (const auto& source : volume.projected->sources)
        if (source.configMap) names.insert(source.configMap->name);
  }
  add_env_names(pod, [&](const Container& container) {
    for (const auto& from : container.envFrom)
      if (from.configMapRef) names.insert(from.configMapRef->name);
    for (const auto& variable : container.env)
      if (variable.valueFrom && variable.valueFrom->configMapKeyRef) names.insert(variable.valueFrom->configMapKeyRef->name);
  });
  return {names.begin(), names.end()};
}

std::vector<std::string> secrets_of(const Pod& pod) {
  std::set<std::string> names;
  for (const auto& volume : pod.spec.volumes) {
    if (volume.secret) names.insert(volume.secret->secretName);
    if (volume.projected)
      for (const auto& source : volume.projected->sources)
        if (source.secret) names.insert(source.secret->name);
  }
  add_env_names(pod, [&](const Container& container) {
    for (const auto& from : container.envFrom)
      if (from.secretRef) names.insert(from.secretRef->name);
    for (const auto& variable : container.env)
      if (variable.valueFrom && variable.valueFrom->secretKeyRef) names.insert(variable.valueFrom->secretKeyRef->name);
  });
  for (const auto& reference : pod.spec.imagePullSecrets) names.insert(reference.name);
  return {names.begin(), names.end()};
}

}  // namespace keelson::node
