// A binding worked out on the stored text of a pod: two values are put into it, the rest is neither read nor printed.
//
// Invariants: what comes out is what decoding the pod, binding it and printing it gives. Only for text as encode() printed it, of the
//   kind's current schema, and bindings that bring no metadata.
// Threads: any, stateless. Ownership: places refer to the text. Errors: none; what is not plain is answered with nullopt.
#pragma once
#include "core/kinds/edit.hpp"
#include "core/verbs/core.hpp"
#include "core/verbs/plain_binding.hpp"

namespace keelson::verbs {

/// Whether a create of this subresource is a binding that this can work out.
bool binds_pods(const kinds::Kind& kind, std::string_view subresource);

/// A binding of that pod to a node, written as schedulers write it.
std::optional<PlainBinding> plain_binding_of(std::string_view ns, std::string_view name, std::string_view body);
/// Whether it is about this one, of those that have that name one after the other.
inline bool binds(const PlainBinding& binding, const store::Object& pod) { return binding.uid.empty() || binding.uid == pod.columns().uid; }

struct BindingPlaces {
  kinds::MemberSlot node, conditions;
  std::string_view gates;   ///< empty: none
};
/// In one pass over the text. Nullopt: there is no spec or no status.
std::optional<BindingPlaces> binding_places(const kinds::Kind& kind, std::string_view pod);

/// The same of one pod after another: those of one template mostly say the same from their spec on, and then no pass is made.
class PlacesOfPods {
 public:
  std::optional<BindingPlaces> of(const kinds::Kind& kind, std::string_view pod);

 private:
  std::string last_;                      ///< from its spec on
  std::optional<BindingPlaces> places_;   ///< in last_
};

/// Why such a pod cannot be bound, as its error says it.
std::optional<std::string> why_not_bound(bool deleting, std::string_view node, bool gated);
std::optional<std::string> why_not_bound(const kinds::Kind& kind, const store::Object& pod, const BindingPlaces& places);

store::Draft bound_draft(const kinds::Kind& kind, const store::Object& pod, const BindingPlaces& places, std::string_view node, std::int64_t now_unix_s, const json::storage_ptr& memory);

/// Sets a condition of `object` to a status without reason; its time moves only when the status does.
void set_condition(json::value& object, std::string_view type, std::string_view status, const std::string& now);

}  // namespace keelson::verbs
