#include "core/kinds/crd/names.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <span>

#include "core/kinds/catalog_group.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

/// The other kinds of a definition's group. A group may have thousands: nothing is copied.
class Others {
 public:
  Others(const Catalog& catalog, std::string_view group, std::string_view own_plural) : kinds_(kinds_in_group(catalog, group)), own_(own_plural) {}
  /// Whether one of them is called so in URLs.
  bool have_resource(std::string_view name) const {
    return any([&](const Kind& kind) { return kind.resource == name || kind.singular == name || std::find(kind.short_names.begin(), kind.short_names.end(), name) != kind.short_names.end(); });
  }
  bool have_kind(std::string_view name) const {
    return any([&](const Kind& kind) { return kind.kind == name || kind.list_kind == name; });
  }

 private:
  template <class Is>
  bool any(Is is) const {
    return std::any_of(kinds_.begin(), kinds_.end(), [&](const KindRef& kind) { return kind->resource != own_ && is(*kind); });
  }
  std::span<const KindRef> kinds_;
  std::string_view own_;
};

std::string in_use(std::string_view name) { return json::serialize(json::string_view(name)) + " is already in use"; }

class Judge {
 public:
  Judge(const json::value& definition, const Others& others) : definition_(definition), others_(others) {
    if (const auto* held = as_object(at_path(definition, "status.acceptedNames"))) accepted_ = *held;
  }

  void run() {
    one("plural", "PluralConflict", &Others::have_resource);
    one("singular", "SingularConflict", &Others::have_resource);
    short_names();
    one("kind", "KindConflict", &Others::have_kind);
    one("listKind", "ListKindConflict", &Others::have_kind);
    if (const auto* categories = at_path(definition_, "spec.names.categories")) accepted_["categories"] = *categories;
    else accepted_.erase("categories");
  }
  json::object& accepted() { return accepted_; }
  const std::string& reason() const { return reason_; }
  const std::string& message() const { return message_; }

 private:
  void refuse(const char* reason, std::string message) {
    reason_ = reason;
    message_ = std::move(message);
  }

  void one(std::string_view name, const char* reason, bool (Others::*taken)(std::string_view) const) {
    const std::string wanted(text_at(definition_, "spec.names." + std::string(name)));
    const auto* had = accepted_.if_contains(name);
    if (text_of(had) != wanted && (others_.*taken)(wanted)) refuse(reason, in_use(wanted));
    else accepted_[name] = wanted;
  }

  void short_names() {
    const auto* wanted = as_array(at_path(definition_, "spec.names.shortNames"));
    const auto* had = as_array(accepted_.if_contains("shortNames"));
    std::vector<std::string> faults;
    for (const auto& name : wanted ? *wanted : json::array()) {
      const bool own = had && std::find(had->begin(), had->end(), name) != had->end();
      if (!own && others_.have_resource(text_of(&name))) faults.push_back(in_use(text_of(&name)));
    }
    if (!faults.empty()) {
      std::string all;
      for (const auto& fault : faults) all += (all.empty() ? "" : ", ") + fault;
      refuse("ShortNamesConflict", faults.size() > 1 ? '[' + all + ']' : all);
    } else if (wanted) {
      accepted_["shortNames"] = *wanted;
    } else {
      accepted_.erase("shortNames");
    }
  }

  const json::value& definition_;
  const Others& others_;
  json::object accepted_;
  std::string reason_, message_;
};

json::object* find_condition(json::array& conditions, std::string_view type) {
  for (auto& condition : conditions)
    if (text_of(member(&condition, "type")) == type) return condition.if_object();
  return nullptr;
}

}  // namespace

bool has_condition(const json::value& definition, std::string_view type) {
  const auto* conditions = as_array(at_path(definition, "status.conditions"));
  return conditions && std::any_of(conditions->begin(), conditions->end(), [&](const json::value& condition) {
    return text_of(member(&condition, "type")) == type && text_of(member(&condition, "status")) == "True";
  });
}

void set_condition(json::array& conditions, std::string_view type, std::string_view status, std::string_view reason, std::string_view message, const std::string& now) {
  auto* held = find_condition(conditions, type);
  if (!held) {
    conditions.push_back(json::object{{"type", type}, {"status", ""}});
    held = &conditions.back().get_object();
  }
  if (text_of(held->if_contains("status")) != status) (*held)["lastTransitionTime"] = now;
  (*held)["status"] = status;
  (*held)["reason"] = reason;
  (*held)["message"] = message;
}

NamesJudged judge_names(const json::value& definition, const Catalog& catalog, const std::string& now) {
  const Others others(catalog, text_at(definition, "spec.group"), text_at(definition, "spec.names.plural"));
  Judge judge(definition, others);
  judge.run();
  NamesJudged judged;
  judged.accepted = judge.reason().empty();
  judged.established = judged.accepted || has_condition(definition, "Established");
  json::array conditions;
  if (const auto* held = as_array(at_path(definition, "status.conditions"))) conditions = *held;
  if (judged.accepted) set_condition(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now);
  else set_condition(conditions, "NamesAccepted", "False", judge.reason(), judge.message(), now);
  if (!judged.established) set_condition(conditions, "Established", "False", "NotAccepted", "not all names are accepted", now);
  else if (!has_condition(definition, "Established")) set_condition(conditions, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", now);
  judged.status["conditions"] = std::move(conditions);
  judged.status["acceptedNames"] = std::move(judge.accepted());
  return judged;
}

}  // namespace keelson::kinds
