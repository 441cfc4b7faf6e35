// LimitRanger: what containers and claims of a namespace ask for when they say nothing, and within which bounds.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/auth/admission.hpp"
#include "core/base/json_value.hpp"
#include "core/base/quantity.hpp"

namespace keelson::auth {
namespace {

using base::Quantity;
using Amounts = std::map<std::string, Quantity, std::less<>>;
using Faults = std::vector<std::string>;

constexpr std::string_view kAnnotation = "kubernetes.io/limit-ranger";

Amounts amounts_at(const json::value& value, Path path) {
  Amounts out;
  const auto* found = find(value, path);
  if (!found || !found->is_object()) return out;
  for (const auto& entry : found->get_object())
    if (const auto* text = entry.value().if_string())
      if (const auto amount = Quantity::parse(*text)) out.emplace(entry.key(), *amount);
  return out;
}

const Quantity* amount_of(const Amounts& amounts, std::string_view name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

/// One entry of a LimitRange.
struct Limit {
  std::string type;
  Amounts min, max, ratio, default_limit, default_request;
};

std::vector<Limit> limits_of(AdmissionRequest& request) {
  std::vector<Limit> all;
  request.snapshot.scan(store::Atom("limitranges"), request.ns, nullptr, [&](const store::ObjectRef& object) {
    if (object->key().ns != request.ns) return false;
    boost::system::error_code fault;
    const auto range = base::json_of(object->body(), fault);
    expect_unchanged(request, object->key(), object);
    if (const auto* entries = fault ? nullptr : list_at(range, {"spec", "limits"}))
      for (const auto& entry : *entries)
        all.push_back({std::string(text_at(entry, {"type"})), amounts_at(entry, {"min"}), amounts_at(entry, {"max"}), amounts_at(entry, {"maxLimitRequestRatio"}), amounts_at(entry, {"default"}),
                       amounts_at(entry, {"defaultRequest"})});
    return true;
  });
  return all;
}

// --- defaults --------------------------------------------------------------------------------------------------------

/// What was set, as upstream's annotation tells it: "cpu, memory request".
std::string fill(json::value& container, std::string_view list, const Amounts& defaults) {
  std::string set;
  for (const auto& [name, amount] : defaults) {
    if (find(container, {"resources", list, name})) continue;
    object_at(container, {"resources", list})[name] = amount.text();
    set += (set.empty() ? "" : ", ") + name;
  }
  return set;
}

void fill_containers(json::value& pod, std::string_view containers, std::string_view called, const Amounts& requests, const Amounts& limits, std::string& told) {
  auto* list = find(pod, {"spec", containers});
  if (!list || !list->is_array()) return;
  const auto tell = [&](const std::string& set, std::string_view what, const json::value& container) {
    if (set.empty()) return;
    told += (told.empty() ? "" : "; ") + set + std::string(what) + std::string(called) + " " + std::string(text_at(container, {"name"}));
  };
  for (auto& container : list->get_array()) {
    tell(fill(container, "requests", requests), " request for ", container);
    tell(fill(container, "limits", limits), " limit for ", container);
  }
}

void fill_pod(json::value& pod, const std::vector<Limit>& ranges) {
  for (const auto& range : ranges) {
    if (range.type != "Container") continue;
    std::string told;
    fill_containers(pod, "containers", "container", range.default_request, range.default_limit, told);
    fill_containers(pod, "initContainers", "init container", range.default_request, range.default_limit, told);
    if (!told.empty()) object_at(pod, {"metadata", "annotations"})[kAnnotation] = "LimitRanger plugin set: " + told;
  }
}

// --- bounds ----------------------------------------------------------------------------------------------------------

/// What one container, pod or claim asks for.
struct Asked { Amounts requests, limits; };

std::string sentence(std::string_view bound, const std::string& resource, const std::string& type, const Quantity& enforced) {
  return fmt::format("{} {} usage per {} is {}", bound, resource, type, enforced.text());
}

void check_min(const Limit& range, const Asked& asked, Faults& faults) {
  for (const auto& [resource, least] : range.min) {
    const auto* request = amount_of(asked.requests, resource);
    const auto* limit = amount_of(asked.limits, resource);
    const auto text = sentence("minimum", resource, range.type, least);
    if (!request) faults.push_back(text + ".  No request is specified");
    else if (compare(*request, least) < 0) faults.push_back(text + ", but request is " + request->text());
    else if (limit && compare(*limit, least) < 0) faults.push_back(text + ", but limit is " + limit->text());
  }
}

void check_max(const Limit& range, const Asked& asked, Faults& faults) {
  const bool by_request = range.type == "PersistentVolumeClaim";
  for (const auto& [resource, most] : range.max) {
    const auto* request = amount_of(asked.requests, resource);
    const auto* limit = amount_of(asked.limits, resource);
    const auto text = sentence("maximum", resource, range.type, most);
    if (by_request ? !request : !limit) faults.push_back(text + (by_request ? ".  No request is specified" : ".  No limit is specified"));
    else if (!by_request && compare(*limit, most) > 0) faults.push_back(text + ", but limit is " + limit->text());
    else if (request && compare(*request, most) > 0) faults.push_back(text + ", but request is " + request->text());
  }
}

void check_ratio(const Limit& range, const Asked& asked, Faults& faults) {
  for (const auto& [resource, most] : range.ratio) {
    const auto* request = amount_of(asked.requests, resource);
    const auto* limit = amount_of(asked.limits, resource);
    const auto text = fmt::format("{} max limit to request ratio per {} is {}", resource, range.type, most.text());
    if (!request || request->sign() == 0) faults.push_back(text + ", but no request is specified or request is 0");
    else if (!limit || limit->sign() == 0) faults.push_back(text + ", but no limit is specified or limit is 0");
    else if (const double ratio = limit->approximate() / request->approximate(); ratio > most.approximate()) faults.push_back(fmt::format("{}, but provided ratio is {:f}", text, ratio));
  }
}

void check(const Limit& range, const Asked& asked, Faults& faults) {
  check_min(range, asked, faults);
  check_max(range, asked, faults);
  check_ratio(range, asked, faults);
}

void add_all(Amounts& to, const Amounts& more) {
  for (const auto& [name, amount] : more)
    if (const auto [at, fresh] = to.emplace(name, amount); !fresh) at->second = add(at->second, amount);
}

void at_least(Amounts& to, const Amounts& other) {
  for (const auto& [name, amount] : other)
    if (const auto [at, fresh] = to.emplace(name, amount); !fresh && compare(at->second, amount) < 0) at->second = amount;
}

Asked asked_by(const json::value& container) { return {amounts_at(container, {"resources", "requests"}), amounts_at(container, {"resources", "limits"})}; }

template <class Visit>
void each_container(const json::value& pod, std::string_view list, Visit visit) {
  if (const auto* containers = list_at(pod, {"spec", list}))
    for (const auto& container : *containers) visit(container, asked_by(container));
}

/// Containers run together, init containers one after the other beside those that stay.
Asked asked_by_pod(const json::value& pod) {
  Asked running, staying, highest;
  each_container(pod, "containers", [&](const json::value&, const Asked& asked) {
    add_all(running.requests, asked.requests);
    add_all(running.limits, asked.limits);
  });
  each_container(pod, "initContainers", [&](const json::value& container, const Asked& asked) {
    const bool stays = text_at(container, {"restartPolicy"}) == "Always";
    Asked now = staying;
    add_all(now.requests, asked.requests);
    add_all(now.limits, asked.limits);
    if (stays) staying = now;
    at_least(highest.requests, now.requests);
    at_least(highest.limits, now.limits);
  });
  add_all(running.requests, staying.requests);
  add_all(running.limits, staying.limits);
  at_least(running.requests, highest.requests);
  at_least(running.limits, highest.limits);
  return running;
}

Faults pod_faults(const json::value& pod, const std::vector<Limit>& ranges) {
  Faults faults;
  for (const auto& range : ranges) {
    const auto look = [&](const json::value&, const Asked& asked) { check(range, asked, faults); };
    if (range.type == "Container") each_container(pod, "containers", look), each_container(pod, "initContainers", look);
    if (range.type == "Pod") check(range, asked_by_pod(pod), faults);
  }
  return faults;
}

Faults claim_faults(const json::value& claim, const std::vector<Limit>& ranges) {
  Faults faults;
  const Asked asked{amounts_at(claim, {"spec", "resources", "requests"}), {}};
  for (const auto& range : ranges) {
    if (range.type != "PersistentVolumeClaim") continue;
    check_min(range, asked, faults);
    check_max(range, asked, faults);
  }
  return faults;
}

/// Several as upstream joins them, none twice.
std::string joined(Faults faults) {
  Faults once;
  for (auto& fault : faults)
    if (std::find(once.begin(), once.end(), fault) == once.end()) once.push_back(std::move(fault));
  return once.size() == 1 ? once.front() : fmt::format("[{}]", fmt::join(once, ", "));
}

class LimitRanger final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "LimitRanger"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool reinvoke() const override { return true; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    using Operation = AdmissionRequest::Operation;
    if (kind.storage_key.text() == "persistentvolumeclaims") return subresource.empty() && (operation == Operation::create || operation == Operation::update);
    if (kind.storage_key.text() != "pods") return false;
    return subresource.empty() ? operation == Operation::create : subresource == "resize" && operation == Operation::update;
  }
  // What it fills in is told in an annotation.
  bool rests_on(const AdmissionRequest& request, Grounds&) override {
    bool any = false;
    request.snapshot.scan(ranges_, request.ns, nullptr, [&](const store::ObjectRef& object) { return any = object->key().ns == request.ns, false; });
    return !any;
  }
  void mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.spec_is_known) return done({});
    if (is_pod(request) && request.object) fill_pod(*request.object, limits_of(request));
    done({});
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    const bool deleting = request.old && find(*request.old, {"metadata", "deletionTimestamp"});
    if (deleting || !request.object || request.spec_is_known) return done({});
    const auto ranges = limits_of(request);
    auto faults = is_pod(request) ? pod_faults(*request.object, ranges) : claim_faults(*request.object, ranges);
    if (faults.empty()) return done({});
    done(refused(request, joined(std::move(faults))));
  }

 private:
  static bool is_pod(const AdmissionRequest& request) { return request.kind->storage_key.text() == "pods"; }

  const store::Atom ranges_{"limitranges"};
};

}  // namespace

std::shared_ptr<AdmissionUnit> limit_ranger() { return std::make_shared<LimitRanger>(); }

}  // namespace keelson::auth
