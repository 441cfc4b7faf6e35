#include "core/kinds/validate/object_warnings.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/kinds/field_errors.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/object_warnings_parts.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

using Texts = std::vector<std::string>;

struct Gone {
  std::string_view source, shown, since;
  bool persistent = true;   ///< PersistentVolumes that have it are told of, too
};
/// Sources of volumes whose drivers are not there any more.
constexpr Gone kGoneVolumes[] = {
    {"photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"}, {"gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
    {"scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"},                           {"flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+", false},
    {"storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"},                       {"quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+", false},
    {"glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"},                       {"cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"},
    {"rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"},
};
constexpr std::pair<std::string_view, std::string_view> kOldAnnotations[] = {
    {"scheduler.alpha.kubernetes.io/critical-pod", "non-functional in v1.16+; use the \"priorityClassName\" field instead"},
    {"security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"},
    {"security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"},
};
struct Renamed {
  std::string_view old, now, since;
};
constexpr Renamed kOldNodeLabels[] = {
    {"beta.kubernetes.io/arch", "kubernetes.io/arch", "v1.14"},
    {"beta.kubernetes.io/os", "kubernetes.io/os", "v1.14"},
    {"failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region", "v1.17"},
    {"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone", "v1.17"},
    {"beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "v1.17"},
};
constexpr std::string_view kMatchesNone = "a null labelSelector results in matching no pod";

void say(const Path& path, std::string_view text, Texts& texts) { texts.push_back(path.text() + ": " + std::string(text)); }

void warn_of_volumes(const json::value& spec, const Path& path, Texts& texts) {
  each_element(member(&spec, "volumes"), path, [&](const json::value& volume, const Path& at) {
    for (const auto& gone : kGoneVolumes)
      if (member(&volume, gone.source)) say(at.child(gone.shown), gone.since, texts);
  });
  each_element(member(&spec, "volumes"), path, [&](const json::value& volume, const Path&) {
    const auto* sources = as_array(member(member(&volume, "projected"), "sources"));
    const auto empty = [](const json::value& source) { return is_zero(source); };
    if (sources && std::any_of(sources->begin(), sources->end(), empty))
      texts.push_back("volume " + shown_value(text_of(member(&volume, "name"))) + " (Projected) has no sources provided");
  });
}

void warn_of_node_terms(const json::value& term, const Path& path, Texts& texts) {
  const auto expressions = path.child("matchExpressions");
  each_element(member(&term, "matchExpressions"), expressions, [&](const json::value& requirement, const Path& at) {
    const auto key = text_of(member(&requirement, "key"));
    if (const auto text = old_node_label(key); !text.empty()) say(at.child("key"), std::string(key) + " is " + text, texts);
  });
}

void warn_of_pod_terms(const json::value* affinity, const Path& path, Texts& texts) {
  const auto required = path.child("requiredDuringSchedulingIgnoredDuringExecution"), preferred = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  each_element(member(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), required, [&](const json::value& term, const Path& at) {
    if (!member(&term, "labelSelector")) say(at.child("labelSelector"), kMatchesNone, texts);
  });
  each_element(member(affinity, "preferredDuringSchedulingIgnoredDuringExecution"), preferred, [&](const json::value& entry, const Path& at) {
    const auto term = at.child("podAffinityTerm");
    if (!member(member(&entry, "podAffinityTerm"), "labelSelector")) say(term.child("labelSelector"), kMatchesNone, texts);
  });
}

/// Names of labels of nodes that were once, and terms that nothing fits.
void warn_of_placing(const json::value& spec, const Path& path, Texts& texts) {
  const auto selector = path.child("nodeSelector"), affinity_path = path.child("affinity"), node_path = affinity_path.child("nodeAffinity"), spread = path.child("topologySpreadConstraints");
  if (const auto* labels = as_object(member(&spec, "nodeSelector")))
    for (const auto& label : *labels)
      if (const auto text = old_node_label(label.key()); !text.empty()) say(selector.key(label.key()), text, texts);
  const auto *affinity = member(&spec, "affinity"), *node = member(affinity, "nodeAffinity");
  const auto required = node_path.child("requiredDuringSchedulingIgnoredDuringExecution"), terms = required.child("nodeSelectorTerms"),
             preferred = node_path.child("preferredDuringSchedulingIgnoredDuringExecution");
  each_element(member(member(node, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms"), terms,
               [&](const json::value& term, const Path& at) { warn_of_node_terms(term, at, texts); });
  each_element(member(node, "preferredDuringSchedulingIgnoredDuringExecution"), preferred, [&](const json::value& entry, const Path& at) {
    if (const auto* term = member(&entry, "preference")) warn_of_node_terms(*term, at.child("preference"), texts);
  });
  each_element(member(&spec, "topologySpreadConstraints"), spread, [&](const json::value& constraint, const Path& at) {
    const auto key = text_of(member(&constraint, "topologyKey"));
    if (const auto text = old_node_label(key); !text.empty()) say(at.child("topologyKey"), std::string(key) + " is " + text, texts);
    if (!member(&constraint, "labelSelector")) say(at.child("labelSelector"), kMatchesNone, texts);
  });
  warn_of_pod_terms(member(affinity, "podAffinity"), affinity_path.child("podAffinity"), texts);
  warn_of_pod_terms(member(affinity, "podAntiAffinity"), affinity_path.child("podAntiAffinity"), texts);
}

/// Entries of `list` that name in `field` what one before them names.
void warn_of_doubles(const json::value* list, std::string_view field, std::string_view word, const Path& path, Texts& texts) {
  std::set<std::string_view> seen;
  each_element(list, path, [&](const json::value& entry, const Path& at) {
    const auto text = text_of(member(&entry, field));
    if (!seen.insert(text).second) say(at.child(field), "duplicate " + std::string(word) + " " + shown_value(text), texts);
  });
}

/// A variable that is there already may build on that; anything else hides it.
void warn_of_hidden(const json::value& container, const Path& path, Texts& texts) {
  std::set<std::string_view> seen;
  const auto here = path.child("env");
  each_element(member(&container, "env"), here, [&](const json::value& variable, const Path& at) {
    const auto name = text_of(member(&variable, "name")), value = text_of(member(&variable, "value"));
    if (seen.insert(name).second) return;
    const auto reference = "$(" + std::string(name) + ")";
    if (member(&variable, "valueFrom") || value == reference || value.find(reference) == value.npos)
      say(at, "hides previous definition of " + shown_value(name) + ", which may be dropped when using apply", texts);
  });
}

void warn_of_fractions(const json::value* amounts, const Path& path, Texts& texts) {
  for (const std::string_view name : {"memory", "ephemeral-storage"})
    if (const auto amount = Quantity::parse(text_of(member(amounts, name))); amount && !amount->is_whole())
      say(path.key(name), "fractional byte value " + shown_value(amount->text()) + " is invalid, must be an integer", texts);
}

struct Port {
  std::string path;
  std::string_view host_ip;
  std::int64_t host_port;
};

/// What the definitions of one port have to do with each other; "" when nothing.
std::string_view relation(const Port& one, const Port& other) {
  if (one.host_ip == other.host_ip && one.host_port == other.host_port) return "duplicate";
  if (one.host_port == 0 || other.host_port == 0) return "overlapping";
  return one.host_port == other.host_port && one.host_ip.empty() != other.host_ip.empty() ? "dangerously ambiguous" : "";
}

class Ports {
 public:
  void add(const json::value& port, const Path& at, Texts& texts) {
    const auto *host = member(&port, "hostPort"), *number = member(&port, "containerPort");
    const auto protocol = text_of(member(&port, "protocol"));
    Port own{at.text(), text_of(member(&port, "hostIP")), integer_of(host)};
    if (!own.host_ip.empty() && own.host_port == 0)
      say(at, "hostIP set without hostPort: {Name:" + std::string(text_of(member(&port, "name"))) + " HostPort:0 ContainerPort:" + std::to_string(integer_of(number)) + " Protocol:" +
                  std::string(protocol) + " HostIP:" + std::string(own.host_ip) + "}", texts);
    auto& others = seen_[{integer_of(number), protocol}];
    // Who defines one port over and over is told of the first: every pair of them would be the square of what was sent.
    for (std::size_t i = 0; i < std::min(others.size(), kTold); ++i)
      if (const auto text = relation(own, others[i]); !text.empty()) say(at, std::string(text) + " port definition with " + others[i].path, texts);
    others.push_back(std::move(own));
  }

 private:
  static constexpr std::size_t kTold = 16;
  std::map<std::pair<std::int64_t, std::string_view>, std::vector<Port>> seen_;
};

void warn_of_containers(const json::value& spec, const Path& path, Texts& texts) {
  Ports ports;
  for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"}) {
    const auto here = path.child(list);
    each_element(member(&spec, list), here, [&](const json::value& container, const Path& at) {
      const auto resources = at.child("resources"), ports_path = at.child("ports");
      for (const std::string_view which : {"limits", "requests"}) warn_of_fractions(member(member(&container, "resources"), which), resources.child(which), texts);
      warn_of_hidden(container, at, texts);
      each_element(member(&container, "ports"), ports_path, [&](const json::value& port, const Path& each) { ports.add(port, each, texts); });
    });
  }
}

void warn_of_annotations(const json::value& pod, const Path& metadata, Texts& texts) {
  const auto annotations_path = metadata.child("annotations");
  const auto* annotations = member(member(&pod, "metadata"), "annotations");
  if (!annotations) return;
  for (const auto& [key, text] : kOldAnnotations)
    if (member(annotations, key)) say(annotations_path.key(key), text, texts);
}

void warn_of_pod(const json::value& pod, const Path& metadata, const Path& path, Texts& texts) {
  const auto volumes = path.child("volumes"), aliases = path.child("hostAliases"), secrets = path.child("imagePullSecrets");
  const auto* given = member(&pod, "spec");
  if (!given) return;
  const auto& spec = *given;
  warn_of_placing(spec, path, texts);
  warn_of_annotations(pod, metadata, texts);
  warn_of_volumes(spec, volumes, texts);
  warn_of_doubles(member(&spec, "hostAliases"), "ip", "ip", aliases, texts);
  warn_of_doubles(member(&spec, "imagePullSecrets"), "name", "name", secrets, texts);
  each_element(member(&spec, "imagePullSecrets"), secrets, [&](const json::value& secret, const Path& at) {
    if (text_of(member(&secret, "name")).empty()) say(at.child("name"), "invalid empty name \"\"", texts);
  });
  warn_of_fractions(member(&spec, "overhead"), path.child("overhead"), texts);
  warn_of_containers(spec, path, texts);
  if (integer_of(member(&spec, "terminationGracePeriodSeconds")) < 0)
    say(path.child("terminationGracePeriodSeconds"), "must be >= 0; negative values are invalid and will be treated as 1", texts);
}

void warn_of_template(const json::value* made, const Path& path, Texts& texts) {
  const auto metadata = path.child("metadata"), spec = path.child("spec");
  if (made) warn_of_pod(*made, metadata, spec, texts);
}

bool spec_is_as_it_was(const json::value& object, const json::value* old) { return old && same(at_path(object, "spec"), at_path(*old, "spec")); }

void warn_of_volume(const json::value& object, Texts& texts) {
  const Path spec("spec");
  for (const auto& gone : kGoneVolumes)
    if (gone.persistent && member(at_path(object, "spec"), gone.source)) say(spec.child(gone.shown), gone.since, texts);
}

}  // namespace

std::string old_node_label(std::string_view label) {
  for (const auto& renamed : kOldNodeLabels)
    if (renamed.old == label) return "deprecated since " + std::string(renamed.since) + "; use \"" + std::string(renamed.now) + "\" instead";
  return {};
}

void append_object_warnings(const Kind& kind, const json::value& object, const json::value* old, std::vector<std::string>& warnings) {
  const Path spec("spec"), spec_template = spec.child("template"), job = spec.child("jobTemplate"), job_spec = job.child("spec"), job_template = job_spec.child("template");
  if (kind.group.empty() && kind.kind == "Pod") {
    if (!old) warn_of_pod(object, Path("metadata"), spec, warnings);
  } else if (kind.group.empty() && kind.kind == "PersistentVolume") {
    warn_of_volume(object, warnings);
  } else if (kind.group.empty() && kind.kind == "PodTemplate") {
    warn_of_template(at_path(object, "template"), Path("template"), warnings);
  } else if (kind.kind == "CronJob" && kind.group == "batch") {
    if (!spec_is_as_it_was(object, old)) warn_of_template(at_path(object, "spec.jobTemplate.spec.template"), job_template, warnings);
  } else if (kind.group == "apps" || (kind.group == "batch" && kind.kind == "Job") || (kind.group.empty() && kind.kind == "ReplicationController")) {
    if (spec_is_as_it_was(object, old)) return;
    warn_of_template(at_path(object, "spec.template"), spec_template, warnings);
    if (kind.kind == "StatefulSet" && integer_of(at_path(object, "spec.revisionHistoryLimit")) < 0)
      say(spec.child("revisionHistoryLimit"), "a negative value retains all historical revisions; a value >= 0 is recommended", warnings);
  } else {
    warn_of_others(kind, object, old, warnings);
  }
}

void append_warnings_around_spec(const json::value& object, std::vector<std::string>& warnings) { warn_of_annotations(object, Path("metadata"), warnings); }

}  // namespace keelson::kinds
