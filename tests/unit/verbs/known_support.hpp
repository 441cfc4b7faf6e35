// What tests of known specs and known creates share: creates told as text, and units of admission that look on.
#pragma once
#include "tests/unit/verbs/fixture.hpp"

namespace keelson::verbs_test {

/// What a create says, with what is the object's own masked.
inline std::string told(Cluster& cluster, std::string_view what, const std::string& ns, const std::string& body, WriteOptions options) {
  const auto made = cluster.create(what, ns, body, options);
  std::string out;
  if (!made) {
    out = std::to_string(made.error().code) + " " + made.error().message;
    for (const auto& cause : made.error().causes) out += "; " + cause.field + ": " + cause.message;
    return out;
  }
  out = made->object->body();
  const auto& columns = made->object->columns();
  const auto mask = [&](std::string_view text) {
    for (auto at = out.find(text); !text.empty() && at != out.npos; at = out.find(text, at)) out.replace(at, text.size(), "*");
  };
  mask("\"resourceVersion\":\"" + std::to_string(made->object->revision()));
  mask(columns.uid);
  mask(base::rfc3339(columns.creation_unix_s));
  out += " " + columns.key.ns + "/" + columns.key.name + " generation " + std::to_string(columns.generation) + " grace " + std::to_string(columns.deletion_grace_s);
  for (const auto& [key, value] : columns.labels) out.append(" ").append(key.text()).append("=").append(value);
  for (const auto& owner : columns.owners) out.append(" owner ").append(owner.kind).append("/").append(owner.name).append("/").append(owner.uid).append(owner.controller ? " controller" : "").append(owner.block_owner_deletion ? " blocks" : "");
  for (const auto& finalizer : columns.finalizers) out.append(" finalizer ").append(finalizer);
  for (const auto& field : columns.fields) out.append(" ").append(field);
  for (const auto& warning : made->warnings) out += " warning: " + warning;
  for (const auto& [name, text] : made->annotations) out += " note: " + name + "=" + text;
  return out;
}

/// Looks at every new pod and event, as a webhook does: then the whole way is taken.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.kind == "Pod" || kind.kind == "Event"; }
};

/// Looks at no spec; counts the pods that are without one and those of which no more than metadata is there, and does something before the next of them is stored.
class Meddler final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Meddler"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.kind == "Pod" || kind.kind == "Event"; }
  bool reads_managers(const auth::AdmissionRequest&) override { return false; }
  bool rests_on(const auth::AdmissionRequest&, auth::Grounds&) override { return true; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    recalled += request.spec_is_known ? 1 : 0;
    met += request.spec_is_known && request.object->get_object().size() == 1 ? 1 : 0;
    if (auto now = std::exchange(then, nullptr)) now();
    done({});
  }
  int recalled = 0, met = 0;
  std::function<void()> then;
};

}  // namespace keelson::verbs_test
