#include "env.hpp"

#include <algorithm>
#include <cctype>

namespace keelson::node {
namespace {

Error config_error(std::string message) { return {400, "CreateContainerConfigError", std::move(message), {}}; }

bool is_env_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
}

void put(Environment& environment, const std::string& name, const std::string& value) {
  for (auto& entry : environment) {
    if (entry.first == name) {
      entry.second = value;
      return;
    }
  }
  environment.emplace_back(name, value);
}

const std::string* find(const Environment& environment, std::string_view name) {
  for (const auto& entry : environment)
    if (entry.first == name) return &entry.second;
  return nullptr;
}

std::string variable_name(const std::string& name) {
  std::string out = name;
  for (auto& c : out) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

void add_service(Environment& environment, const core_v1::Service& service) {
  const auto& spec = service.spec;
  if (spec.clusterIP.empty() || spec.clusterIP == "None" || spec.ports.empty()) return;
  const std::string prefix = variable_name(service.meta.name);
  put(environment, prefix + "_SERVICE_HOST", spec.clusterIP);
  put(environment, prefix + "_SERVICE_PORT", std::to_string(spec.ports[0].port));
  for (const auto& port : spec.ports)
    if (!port.name.empty()) put(environment, prefix + "_SERVICE_PORT_" + variable_name(port.name), std::to_string(port.port));
  const std::string host = spec.clusterIP.find(':') == std::string::npos ? spec.clusterIP : "[" + spec.clusterIP + "]";
  bool first = true;
  for (const auto& port : spec.ports) {
    const std::string protocol = port.protocol.empty() ? "TCP" : port.protocol;
    const std::string number = std::to_string(port.port);
    const std::string url = lower(protocol) + "://" + host + ":" + number;
    if (first) put(environment, prefix + "_PORT", url);
    first = false;
    const std::string base = prefix + "_PORT_" + number + "_" + protocol;
    put(environment, base, url);
    put(environment, base + "_PROTO", lower(protocol));
    put(environment, base + "_PORT", number);
    put(environment, base + "_ADDR", spec.clusterIP);
  }
}

/// metadata.labels['key'] and metadata.annotations['key'].
std::optional<std::string> subscript(const std::string& path, const std::string& prefix) {
  const std::string open = prefix + "['";
  if (path.rfind(open, 0) != 0 || path.size() < open.size() + 2 || path.compare(path.size() - 2, 2, "']") != 0) return std::nullopt;
  return path.substr(open.size(), path.size() - open.size() - 2);
}

std::string get_or_empty(const std::map<std::string, std::string>& values, const std::string& key) {
  const auto found = values.find(key);
  return found == values.end() ? std::string() : found->second;
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

template <class Map>
std::string keys_not_names(const Map& values, const std::string& prefix, Environment& environment) {
  std::string bad;
  for (const auto& [key, value] : values) {
    const std::string name = prefix + key;
    if (is_env_name(name)) put(environment, name, value);
    else bad += (bad.empty() ? "" : ", ") + name;
  }
  return bad;
}

Outcome<void> add_from(Environment& environment, const core_v1::EnvFromSource& from, const EnvSource& source) {
  const std::string& ns = source.pod.meta.namespace_;
  if (from.configMapRef) {
    const auto& reference = *from.configMapRef;
    const auto map = source.cluster.config_map({ns, reference.name});
    if (map) keys_not_names(map->data, from.prefix, environment);
    else if (!reference.optional.value_or(false)) return config_error("configmap \"" + reference.name + "\" not found");
  } else if (from.secretRef) {
    const auto& reference = *from.secretRef;
    const auto secret = source.cluster.secret({ns, reference.name});
    if (secret) keys_not_names(secret->data, from.prefix, environment);
    else if (!reference.optional.value_or(false)) return config_error("secret \"" + reference.name + "\" not found");
  }
  return {};
}

/// nullopt: optional and absent, so the variable is left out.
template <class Object>
Outcome<std::optional<std::string>> keyed(const std::shared_ptr<const Object>& object, const std::string& kind, const std::string& ns,
                                          const std::string& name, const std::string& key, bool optional) {
  if (!object) {
    if (optional) return std::optional<std::string>();
    return config_error((kind == "ConfigMap" ? "configmap" : "secret") + std::string(" \"") + name + "\" not found");
  }
  const auto found = object->data.find(key);
  if (found != object->data.end()) return std::optional<std::string>(found->second);
  if (optional) return std::optional<std::string>();
  return config_error("couldn't find key " + key + " in " + kind + " " + ns + "/" + name);
}

const Container* container_named(const Pod& pod, const std::string& name) {
  for (const auto& container : pod.spec.containers)
    if (container.name == name) return &container;
  for (const auto& container : pod.spec.initContainers)
    if (container.name == name) return &container;
  return nullptr;
}

Outcome<std::optional<std::string>> value_from(const core_v1::EnvVarSource& from, const Container& container, const EnvSource& source) {
  const std::string& ns = source.pod.meta.namespace_;
  if (from.fieldRef) {
    const auto value = field_value(source.pod, from.fieldRef->fieldPath, source.addresses);
    if (!value) return config_error("unsupported fieldPath: " + from.fieldRef->fieldPath);
    return value;
  }
  if (from.resourceFieldRef) {
    const auto& reference = *from.resourceFieldRef;
    const Container* target = reference.containerName.empty() ? &container : container_named(source.pod, reference.containerName);
    if (target == nullptr) return config_error("container " + reference.containerName + " not found");
    const auto value = resource_value(*target, reference.resource, reference.divisor.text, source.node_allocatable);
    if (!value) return config_error("unsupported container resource : " + reference.resource);
    return value;
  }
  if (from.configMapKeyRef) {
    const auto& reference = *from.configMapKeyRef;
    return keyed(source.cluster.config_map({ns, reference.name}), "ConfigMap", ns, reference.name, reference.key, reference.optional.value_or(false));
  }
  if (from.secretKeyRef) {
    const auto& reference = *from.secretKeyRef;
    return keyed(source.cluster.secret({ns, reference.name}), "Secret", ns, reference.name, reference.key, reference.optional.value_or(false));
  }
  return std::optional<std::string>(std::string());
}

std::optional<std::int64_t> amount_of(const std::map<std::string, Quantity>& amounts, const std::string& resource) {
  const auto found = amounts.find(resource);
  if (found == amounts.end()) return std::nullopt;
  // Only CPU is asked for in fractions; the thousandths of a large memory amount would not fit.
  return resource == "cpu" ? found->second.milli_value() : found->second.value();
}

}  // namespace

std::string expand(std::string_view text, const std::function<const std::string*(std::string_view)>& lookup) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '$' || at + 1 >= text.size()) {
      out += text[at++];
      continue;
    }
    const char next = text[at + 1];
    const auto close = next == '(' ? text.find(')', at + 2) : std::string_view::npos;
    if (close != std::string_view::npos) {
      const auto name = text.substr(at + 2, close - at - 2);
      if (const auto* value = lookup(name)) out += *value;
      else out += text.substr(at, close + 1 - at);
      at = close + 1;
    } else {
      out += next == '$' ? "$" : std::string{'$', next};
      at += 2;
    }
  }
  return out;
}

std::string expand(std::string_view text, const Environment& environment) {
  return expand(text, [&](std::string_view name) { return find(environment, name); });
}

Environment service_environment(const Pod& pod, const std::vector<std::shared_ptr<const core_v1::Service>>& services,
                                const core_v1::Service* kubernetes) {
  Environment environment;
  if (pod.spec.enableServiceLinks.value_or(true))
    for (const auto& service : services) add_service(environment, *service);
  if (kubernetes != nullptr) add_service(environment, *kubernetes);
  return environment;
}

std::optional<std::string> field_value(const Pod& pod, const std::string& path, const PodAddresses& addresses) {
  if (path == "metadata.name") return pod.meta.name;
  if (path == "metadata.namespace") return pod.meta.namespace_;
  if (path == "metadata.uid") return pod.meta.uid;
  if (path == "spec.nodeName") return pod.spec.nodeName;
  if (path == "spec.serviceAccountName") return pod.spec.serviceAccountName;
  if (path == "status.hostIP") return addresses.host_ips.empty() ? "" : addresses.host_ips.front();
  if (path == "status.hostIPs") return join(addresses.host_ips);
  if (path == "status.podIP") return addresses.pod_ips.empty() ? "" : addresses.pod_ips.front();
  if (path == "status.podIPs") return join(addresses.pod_ips);
  if (path == "metadata.labels") return format_map(pod.meta.labels);
  if (path == "metadata.annotations") return format_map(pod.meta.annotations);
  if (const auto key = subscript(path, "metadata.labels")) return get_or_empty(pod.meta.labels, *key);
  if (const auto key = subscript(path, "metadata.annotations")) return get_or_empty(pod.meta.annotations, *key);
  return std::nullopt;
}

std::string format_map(const std::map<std::string, std::string>& values) {
  std::string out;
  for (const auto& [key, value] : values) out += (out.empty() ? "" : "\n") + key + "=" + quoted(value);
  return out;
}

std::optional<std::string> resource_value(const Container& container, const std::string& resource, const std::string& divisor,
                                          const std::map<std::string, std::int64_t>& node_allocatable) {
  const auto dot = resource.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const std::string side = resource.substr(0, dot), name = resource.substr(dot + 1);
  if (side != "limits" && side != "requests") return std::nullopt;
  if (name != "cpu" && name != "memory" && name != "ephemeral-storage" && name.rfind("hugepages-", 0) != 0) return std::nullopt;
  auto amount = amount_of(side == "limits" ? container.resources.limits : container.resources.requests, name);
  if (!amount && side == "limits") {
    const auto node = node_allocatable.find(name);
    if (node != node_allocatable.end()) amount = node->second;
  }
  const Quantity unit(divisor.empty() || divisor == "0" ? "1" : divisor);
  const std::int64_t by = std::max<std::int64_t>(1, name == "cpu" ? unit.milli_value() : unit.value());
  const std::int64_t value = amount.value_or(0);
  return std::to_string(value / by + (value % by != 0 ? 1 : 0));
}

Outcome<Environment> container_environment(const Container& container, const EnvSource& source) {
  Environment environment;
  for (const auto& from : container.envFrom) KEELSON_TRY_VOID(add_from(environment, from, source));
  const auto kubernetes = [&]() -> std::shared_ptr<const core_v1::Service> {
    for (const auto& service : source.cluster.services("default"))
      if (service->meta.name == "kubernetes") return service;
    return nullptr;
  }();
  const auto services = service_environment(source.pod, source.cluster.services(source.pod.meta.namespace_), kubernetes.get());
  for (const auto& variable : container.env) {
    std::optional<std::string> value;
    if (variable.valueFrom) {
      value = KEELSON_TRY(value_from(*variable.valueFrom, container, source));
    } else {
      value = expand(variable.value, [&](std::string_view name) {
        const auto* own = find(environment, name);
        return own != nullptr ? own : find(services, name);
      });
    }
    if (value) put(environment, variable.name, *value);
  }
  for (const auto& [name, value] : services)
    if (find(environment, name) == nullptr) environment.emplace_back(name, value);
  return environment;
}

}  // namespace keelson::node
