#include "core/admission/service_addresses.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "core/admission/matching.hpp"
#include "core/admission/quota_turns.hpp"
#include "core/admission/service_fields.hpp"
#include "core/kinds/field_errors.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::admission {
namespace {

using auth::AdmissionRequest;
using kinds::as_array;
using kinds::at_path;
using kinds::integer_of;
using kinds::member;
using kinds::text_of;
using Done = std::function<void(base::Outcome<void>)>;
using Operation = AdmissionRequest::Operation;

/// Draws before the range is looked through in order.
constexpr int kDrawsMax = 64;
constexpr std::string_view kAllPorts = "";   // the one line of turns that there is

/// Addresses of IPv4 that Services may have: without that of the network, and without the last.
struct Range {
  std::uint32_t first = 0, count = 0;
  std::string text;
  bool contains(std::uint32_t address) const { return address >= first && address - first < count; }
};

std::optional<std::uint32_t> number_of(const std::string& address) {
  in_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) return std::nullopt;
  return ntohl(parsed.s_addr);
}

std::string text_of_address(std::uint32_t address) {
  const in_addr raw{htonl(address)};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &raw, text, sizeof text);
}

std::optional<Range> range_of(std::string_view cidr) {
  const auto slash = cidr.find('/');
  if (slash == cidr.npos) return std::nullopt;
  const auto network = number_of(std::string(cidr.substr(0, slash)));
  unsigned bits = 0;
  const auto length = cidr.substr(slash + 1);
  if (!network || std::from_chars(length.data(), length.data() + length.size(), bits).ec != std::errc() || bits > 30 || bits == 0) return std::nullopt;
  return Range{*network + 1, (std::uint32_t{1} << (32 - bits)) - 2, std::string(cidr)};
}

base::Error invalid_service(const AdmissionRequest& request, std::vector<base::Cause> causes) {
  return base::invalid("", "Service", request.object ? kinds::text_at(*request.object, "metadata.name") : request.name, std::move(causes));
}

base::Cause wrong(std::string field, const std::string& shown, std::string_view why) { return {"FieldValueInvalid", "Invalid value: " + shown + ": " + std::string(why), std::move(field)}; }

class ServiceAddresses final : public auth::AdmissionUnit {
 public:
  explicit ServiceAddresses(const ServiceAddressParts& parts) : parts_(parts) {}
  std::string_view name() const override { return "ServiceAddresses"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return kind.storage_key == services_ && subresource.empty() && operation != Operation::connect;
  }

  void mutate(AdmissionRequest& request, Done done) override {
    auto* spec = request.object ? at_path(*request.object, "spec") : nullptr;
    if (!spec || !spec->is_object()) return done({});
    if (auto chosen = choose(request, *spec); !chosen) return done(chosen);
    const auto shape = shape_of(*spec);
    if (!shape.node_ports && !shape.health_port) return done({});
    if (!request.extras) return done(draw_ports(request, *spec));
    turns_->take(std::string(kAllPorts), request.extras, [this, &request, spec, done = std::move(done)](QuotaTurns::Guard turn) {
      if (turn) {   // none: another Service of the commit has it
        given_.clear();
        request.extras->held.push_back(std::move(turn));
      }
      done(draw_ports(request, *spec));
    });
  }

  /// A generated name is known by now.
  void validate(AdmissionRequest& request, Done done) override { done(request.operation == Operation::remove ? remove(request) : settle(request)); }

 private:
  // --- addresses ---
  base::Outcome<void> choose(AdmissionRequest& request, json::value& spec) const {
    const auto* old = request.old ? at_path(*request.old, "spec") : nullptr;
    if (old) keep_allocated(spec, *old);
    align_addresses(spec, old);
    if (auto causes = fill_families(spec); !causes.empty()) return invalid_service(request, std::move(causes));
    const auto shape = shape_of(spec);
    if (shape.addresses && !shape.headless && addresses_of(spec).empty()) {
      auto drawn = draw(request);
      if (!drawn) return drawn.error();
      if (!drawn->empty()) {
        auto& object = spec.get_object();
        object["clusterIP"] = *drawn;
        object["clusterIPs"] = json::array({json::value(*drawn)}, object.storage());
      }
    }
    return {};
  }

  /// Takes what the Service has now, and gives back what it had.
  base::Outcome<void> settle(AdmissionRequest& request) const {
    const auto *spec = request.object ? at_path(*request.object, "spec") : nullptr, *old = request.old ? at_path(*request.old, "spec") : nullptr;
    if (!spec) return {};
    note_ports(request, *spec);
    const auto had = old ? addresses_of(*old) : std::vector<std::string>();
    const auto wanted = shape_of(*spec).addresses ? addresses_of(*spec) : std::vector<std::string>();
    for (const auto& address : wanted)
      if (auto taken = take(request, address, std::find(had.begin(), had.end(), address) != had.end(), *spec); !taken) return taken;
    for (const auto& address : had)
      if (leaves(*request.object) || std::find(wanted.begin(), wanted.end(), address) == wanted.end()) give_back(request, address);
    return {};
  }

  /// The last finalizer of what is being deleted has gone.
  static bool leaves(const json::value& service) {
    const auto* finalizers = as_array(at_path(service, "metadata.finalizers"));
    return at_path(service, "metadata.deletionTimestamp") && (!finalizers || finalizers->empty());
  }

  base::Outcome<void> remove(AdmissionRequest& request) const {
    if (!request.old) return {};
    const auto* finalizers = as_array(at_path(*request.old, "metadata.finalizers"));
    if (finalizers && !finalizers->empty()) return {};
    const auto options = request.options ? request.options() : json::object();
    const auto propagation = text_of(options.if_contains("propagationPolicy"));
    if (propagation == "Foreground" || propagation == "Orphan") return {};   // it waits for its dependents
    if (const auto* spec = at_path(*request.old, "spec"))
      for (const auto& address : addresses_of(*spec)) give_back(request, address);
    return {};
  }

  std::vector<Range> ranges(const AdmissionRequest& request) const {
    std::vector<Range> out;
    request.snapshot.scan(cidrs_, "", nullptr, [&](const store::ObjectRef& object) {
      const auto body = body_of(*object);
      if (const auto* list = as_array(at_path(body, "spec.cidrs")))
        for (const auto& cidr : *list)
          if (auto range = range_of(text_of(&cidr))) out.push_back(std::move(*range));
      return true;
    });
    return out;
  }

  static std::string name_of(const AdmissionRequest& request) {
    const auto* service = request.object ? request.object : request.old;
    return service ? std::string(kinds::text_at(*service, "metadata.name")) : request.name;
  }
  /// "namespace/name", as owner() tells it.
  static std::string self(const AdmissionRequest& request) { return request.ns + "/" + name_of(request); }

  store::Key key_of(const std::string& address) const { return {addresses_, "", address}; }

  /// Nobody has it: no IPAddress, or one of a Service that is not there or has another.
  bool is_free(const AdmissionRequest& request, const std::string& address) const {
    if (request.extras && request.extras->updates.contains(key_of(address))) return false;
    const auto seen = request.snapshot.get(key_of(address));
    return !seen || owner(request, *seen, address).empty();
  }

  /// "namespace/name" of the Service that an IPAddress is of; "" when that does not have it.
  std::string owner(const AdmissionRequest& request, const store::Object& held, const std::string& address) const {
    const auto body = body_of(held);
    const auto* parent = at_path(body, "spec.parentRef");
    const std::string ns(text_of(member(parent, "namespace"))), name(text_of(member(parent, "name")));
    if (text_of(member(parent, "resource")) != "services") return "other";
    const auto service = request.snapshot.get({services_, ns, name});
    if (!service) return {};
    const auto spec = body_of(*service);
    const auto has = addresses_of(spec.at("spec"));
    return std::find(has.begin(), has.end(), address) == has.end() ? std::string() : ns + "/" + name;
  }

  /// Empty: there is no range to draw from.
  base::Outcome<std::string> draw(const AdmissionRequest& request) const {
    const auto all = ranges(request);
    for (const auto& range : all) {
      for (int i = 0; i < kDrawsMax; ++i)
        if (auto address = text_of_address(range.first + static_cast<std::uint32_t>(parts_.runtime.random_u64() % range.count)); is_free(request, address)) return address;
      for (std::uint32_t i = 0; i < range.count; ++i)
        if (auto address = text_of_address(range.first + i); is_free(request, address)) return address;
    }
    if (all.empty()) return std::string();
    return base::internal("failed to allocate a serviceIP: range is full");
  }

  base::Outcome<void> take(AdmissionRequest& request, const std::string& address, bool had, const json::value& spec) const {
    const auto number = number_of(address);
    const auto all = ranges(request);
    if (!number || all.empty()) return {};   // validation says what is wrong with it, or there is nobody to ask
    const auto refuse = [&](std::string_view why) {
      return invalid_service(request, {wrong("spec.clusterIPs", kinds::shown_value(member(&spec, "clusterIPs")), "failed to allocate IP " + address + ": " + std::string(why))});
    };
    const auto key = key_of(address);
    if (request.extras && request.extras->updates.contains(key)) return refuse("provided IP is already allocated");   // to another Service of this commit
    const auto seen = request.snapshot.get(key);
    const auto by = seen ? owner(request, *seen, address) : std::string();
    if (had && by == self(request)) return {};
    if (!by.empty()) return refuse("provided IP is already allocated");
    if (std::none_of(all.begin(), all.end(), [&](const Range& range) { return range.contains(*number); })) {
      if (had) return {};
      return refuse("the provided network does not match the current range");
    }
    record(request, key, seen);
    return {};
  }

  void record(AdmissionRequest& request, const store::Key& key, const store::ObjectRef& seen) const {
    const auto kind = parts_.registry.current()->by_storage_key(addresses_);
    if (!kind || !request.extras || request.dry_run) return;
    json::object metadata{{"name", key.name}, {"uid", base::uuid_v4(parts_.runtime)}, {"creationTimestamp", base::rfc3339(parts_.runtime.unix_s())},
                          {"labels", {{"ipaddress.kubernetes.io/ip-family", "IPv4"}, {"ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"}}}};
    if (kind->strategy.generation) metadata["generation"] = 1;
    json::value object = {{"kind", "IPAddress"}, {"apiVersion", "networking.k8s.io/v1"}, {"metadata", std::move(metadata)},
                          {"spec", {{"parentRef", {{"resource", "services"}, {"namespace", request.ns}, {"name", name_of(request)}}}}}};
    request.extras->updates.insert_or_assign(key, auth::CommitExtras::Update{kind, seen, std::move(object)});
  }

  void give_back(AdmissionRequest& request, const std::string& address) const {
    const auto key = key_of(address);
    const auto seen = request.snapshot.get(key);
    if (!seen || !request.extras || request.dry_run || owner(request, *seen, address) != self(request)) return;
    request.extras->updates.insert_or_assign(key, auth::CommitExtras::Update{parts_.registry.current()->by_storage_key(addresses_), seen, nullptr});
  }

  // --- ports of nodes ---
  /// Those of all Services but this one.
  std::set<std::int64_t> used_ports(const AdmissionRequest& request) const {
    std::set<std::int64_t> used;
    const auto own = name_of(request);
    parts_.store.snapshot().scan(services_, "", nullptr, [&](const store::ObjectRef& object) {
      if (object->body().find("odePort\":") == std::string_view::npos || (object->key().ns == request.ns && object->key().name == own)) return true;
      const auto body = body_of(*object);
      if (const auto* ports = as_array(at_path(body, "spec.ports")))
        for (const auto& port : *ports) used.insert(integer_of(member(&port, "nodePort")));
      used.insert(kinds::integer_at(body, "spec.healthCheckNodePort"));
      return true;
    });
    if (request.extras)
      for (const auto& [number, service] : given_)
        if (service != self(request)) used.insert(number);
    used.erase(0);
    return used;
  }

  /// For the Services that come after this one in its commit.
  void note_ports(const AdmissionRequest& request, const json::value& spec) const {
    const auto shape = shape_of(spec);
    if (!request.extras || (!shape.node_ports && !shape.health_port)) return;   // it has no turn
    const auto note = [&](std::int64_t number) {
      if (number != 0) given_.emplace(number, self(request));
    };
    if (const auto* ports = as_array(member(&spec, "ports")))
      for (const auto& port : *ports) note(integer_of(member(&port, "nodePort")));
    note(integer_of(member(&spec, "healthCheckNodePort")));
  }

  /// What is asked for is there, and in the range; `had` may stay as it is.
  static std::optional<base::Cause> check_port(std::int64_t number, const std::string& field, const std::set<std::int64_t>& used) {
    if (number < kNodePortFirst || number > kNodePortLast)
      return wrong(field, std::to_string(number), "provided port is not in the valid range. The range of valid ports is " + std::to_string(kNodePortFirst) + "-" + std::to_string(kNodePortLast));
    if (used.contains(number)) return wrong(field, std::to_string(number), "provided port is already allocated");
    return std::nullopt;
  }

  std::int64_t draw_port(const std::set<std::int64_t>& used) const {
    constexpr std::int64_t count = kNodePortLast - kNodePortFirst + 1;
    const auto start = static_cast<std::int64_t>(parts_.runtime.random_u64() % count);
    for (std::int64_t i = 0; i < count; ++i)
      if (const auto number = kNodePortFirst + (start + i) % count; !used.contains(number)) return number;
    return 0;
  }

  base::Outcome<void> draw_ports(AdmissionRequest& request, json::value& spec) const {
    auto used = used_ports(request);
    const auto shape = shape_of(spec);
    const auto full = [&] { return base::internal("failed to allocate a nodePort: range is full"); };
    std::vector<base::Cause> causes;
    auto* ports = shape.node_ports ? as_array(member(&spec, "ports")) : nullptr;
    std::map<std::int64_t, std::int64_t> by_port;   // two protocols of one port share the node's
    for (std::size_t i = 0; ports && i < ports->size(); ++i) {
      const auto number = integer_of(member(&(*ports)[i], "nodePort"));
      if (number == 0) continue;
      if (auto cause = check_port(number, "spec.ports[" + std::to_string(i) + "].nodePort", used)) causes.push_back(std::move(*cause));
      by_port.emplace(integer_of(member(&(*ports)[i], "port")), number);
    }
    if (!causes.empty()) return invalid_service(request, std::move(causes));
    for (const auto& [port, number] : by_port) used.insert(number);
    for (std::size_t i = 0; ports && i < ports->size(); ++i) {
      auto* entry = (*ports)[i].if_object();
      if (!entry || integer_of(entry->if_contains("nodePort")) != 0) continue;
      auto& number = by_port[integer_of(entry->if_contains("port"))];
      if (number == 0 && (number = draw_port(used)) == 0) return full();
      used.insert(number);
      (*entry)["nodePort"] = number;
    }
    return shape.health_port ? draw_health_port(request, spec, used) : base::Outcome<void>();
  }

  base::Outcome<void> draw_health_port(AdmissionRequest& request, json::value& spec, const std::set<std::int64_t>& used) const {
    const auto asked = integer_of(member(&spec, "healthCheckNodePort"));
    const auto* old = request.old ? at_path(*request.old, "spec") : nullptr;
    if (asked != 0) {
      if (asked == integer_of(member(old, "healthCheckNodePort"))) return {};
      if (auto cause = check_port(asked, "spec.healthCheckNodePort", used)) return invalid_service(request, {std::move(*cause)});
      return {};
    }
    const auto number = draw_port(used);
    if (number == 0) return base::internal("failed to allocate a HealthCheck NodePort: range is full");
    spec.get_object()["healthCheckNodePort"] = number;
    return {};
  }

  const ServiceAddressParts parts_;
  const std::shared_ptr<QuotaTurns> turns_ = std::make_shared<QuotaTurns>();
  mutable std::map<std::int64_t, std::string> given_;   // ports, and whose, of the commit that has the turn, under which it is read and written
  const store::Atom services_{"services"}, addresses_{"ipaddresses.networking.k8s.io"}, cidrs_{"servicecidrs.networking.k8s.io"};
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> service_addresses(const ServiceAddressParts& parts) { return std::make_shared<ServiceAddresses>(parts); }

}  // namespace keelson::admission
