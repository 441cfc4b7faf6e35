#include "core/verbs/text_binding.hpp"

#include "core/base/json_text.hpp"
#include "core/kinds/json_print.hpp"
#include "core/verbs/metadata.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kNodeName = "spec.nodeName";

// Most pods have none so far.
std::string conditions_of(const kinds::Kind& kind, std::string_view printed, std::int64_t now_unix_s, const json::storage_ptr& memory) {
  const auto now = base::rfc3339(now_unix_s);
  if (printed.empty()) return R"([{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":")" + now + R"("}])";
  json::value pod((json::object(memory)));
  if (auto read = kinds::parse(kinds::Media::json, printed, memory)) object_at(pod, {"status"})["conditions"] = std::move(*read);
  set_condition(pod, "PodScheduled", "True", now);
  const auto& status = *kinds::find_field(*kind.type, "status")->type;
  return kinds::encode_value(*kinds::find_field(status, "conditions")->type, *find(pod, {"status", "conditions"}));
}

// Of places without gates.
void move(BindingPlaces& places, const char* here, const char* there) {
  places.node.move(here, there);
  places.conditions.move(here, there);
}

}  // namespace

void set_condition(json::value& object, std::string_view type, std::string_view status, const std::string& now) {
  auto& conditions = list_in(object_at(object, {"status"}), "conditions");
  for (auto& condition : conditions) {
    if (text_at(condition, {"type"}) != type) continue;
    auto& fields = condition.get_object();
    if (text_at(condition, {"status"}) != status) fields["lastTransitionTime"] = now;
    fields["status"] = status;
    fields.erase("reason");
    fields.erase("message");
    return;
  }
  conditions.emplace_back(json::object({{"type", type}, {"status", status}, {"lastTransitionTime", now}}));
}

bool binds_pods(const kinds::Kind& kind, std::string_view subresource) { return subresource == "binding" && kind.storage_key.text() == "pods" && kind.declared_by.empty(); }

// What would be refused is told by the whole way.
std::optional<PlainBinding> plain_binding_of(std::string_view ns, std::string_view name, std::string_view body) {
  auto binding = read_plain_binding(body);
  if (!binding || binding->name != name || (!binding->ns.empty() && binding->ns != ns)) return std::nullopt;
  if (binding->target_name.empty() || (!binding->target_kind.empty() && binding->target_kind != "Node")) return std::nullopt;
  return binding;
}

std::optional<BindingPlaces> binding_places(const kinds::Kind& kind, std::string_view pod) {
  std::optional<kinds::MemberSlot> node, conditions;
  std::string_view gates;
  const auto find = [&](kinds::PrintedMembers& members, std::optional<kinds::MemberSlot>& slot, std::string_view name) {
    if (!members.is_object()) return members.take_value();
    slot.emplace(*kinds::find_field(*kind.type, members.name())->type, name);
    auto inside = members.inside();
    while (inside.next()) {
      slot->pass(inside);
      if (inside.name() == "schedulingGates") gates = inside.value();
    }
    slot->end(inside);
    members.go_behind(inside);
  };
  for (kinds::PrintedMembers members(pod); !conditions && members.next_name();)   // status is the last
    if (members.name() == "spec") find(members, node, "nodeName");
    else if (members.name() == "status") find(members, conditions, "conditions");
    else members.take_value();
  if (!node || !conditions) return std::nullopt;
  return BindingPlaces{*node, *conditions, gates};
}

std::optional<BindingPlaces> PlacesOfPods::of(const kinds::Kind& kind, std::string_view pod) {
  kinds::PrintedMembers members(pod);
  while (members.next_name() && members.name() != "spec") members.take_value();
  if (members.name() != "spec") return std::nullopt;
  const auto rest = pod.substr(static_cast<std::size_t>(members.name().data() - pod.data()));
  if (rest != last_) {
    const auto found = binding_places(kind, pod);
    if (!found || !found->gates.empty()) return found;
    places_ = found;
    last_ = rest;
    move(*places_, rest.data(), last_.data());
  }
  auto out = places_;
  move(*out, last_.data(), rest.data());
  return out;
}

std::optional<std::string> why_not_bound(bool deleting, std::string_view node, bool gated) {
  if (deleting) return " is being deleted, cannot be assigned to a host";
  if (!node.empty()) return " is already assigned to node " + base::quoted(node);
  if (gated) return " has non-empty .spec.schedulingGates";
  return std::nullopt;
}

std::optional<std::string> why_not_bound(const kinds::Kind& kind, const store::Object& pod, const BindingPlaces& places) {
  return why_not_bound(pod.deleting(), pod.columns().fields.at(column_of(kind, kNodeName)), !places.gates.empty() && places.gates != "[]" && places.gates != "null");
}

store::Draft bound_draft(const kinds::Kind& kind, const store::Object& pod, const BindingPlaces& places, std::string_view node, std::int64_t now_unix_s, const json::storage_ptr& memory) {
  std::string printed;
  kinds::print_string(printed, node);
  const auto told = conditions_of(kind, places.conditions.value(), now_unix_s, memory);
  const std::pair<kinds::MemberSlot, std::string_view> slots[] = {{places.node, printed}, {places.conditions, told}};
  auto fields = store::copy_of(pod.columns().fields);
  fields.at(column_of(kind, kNodeName)) = node;
  return {pod, kinds::spliced(pod.body(), slots), &fields};
}

}  // namespace keelson::verbs
