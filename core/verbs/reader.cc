#include "core/verbs/reader.hpp"

#include <algorithm>

#include "core/store/not_answering.hpp"
#include "core/verbs/converting_watch.hpp"
#include "core/verbs/page_token.hpp"
#include "core/verbs/step_scale.hpp"
#include "core/verbs/unreadable.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

using Match = ReadOptions::Match;

constexpr std::string_view kTokenTooOld =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or "
    "use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

base::Outcome<void> check(const ListOptions& options) {
  std::vector<base::Cause> causes;
  if (options.match != Match::unset) {
    if (!options.revision) causes.push_back(forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (!options.continue_token.empty()) causes.push_back(forbidden_value("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    if (options.match == Match::exact && options.revision == store::Revision{0})
      causes.push_back(forbidden_value("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
  }
  if (!causes.empty()) return invalid_options("ListOptions", std::move(causes));
  return {};
}

base::Outcome<void> check_name_selector(const Target& target, watch::Selector& selector) {
  if (target.name.empty()) return {};
  const auto* fixed = selector.fixed_name();
  if (fixed && *fixed != target.name) return base::bad_request("fieldSelector metadata.name doesn't match requested name");
  if (!fixed) selector.fields.push_back({watch::FieldRequirement::Target::name, 0, false, target.name});
  return {};
}

/// One page out of a snapshot.
class Page {
 public:
  Page(const Core& core, const Target& target, const ListOptions& options, std::optional<PageToken> token)
      : core_(core), target_(target), options_(options), token_(std::move(token)), storage_(core.storage_kind(target)), by_webhook_(core.conversions->by_webhook(*target.kind)) {
    const auto stored = [](const watch::FieldRequirement& one) { return one.target == watch::FieldRequirement::Target::column; };
    by_columns_ = std::any_of(options.selector.fields.begin(), options.selector.fields.end(), stored);
  }

  base::Outcome<Listed> read(const store::Snapshot& snapshot) {
    auto listed = collect(snapshot);
    if (!unreadable_.empty()) return unreadable_list(*target_.kind, std::move(unreadable_));
    if (broken_) return *broken_;
    return listed;
  }

 private:
  Listed collect(const store::Snapshot& snapshot) {
    Listed out;
    out.revision = snapshot.revision();
    const auto after = start();
    if (const auto* name = options_.selector.fixed_name(); name && !target_.ns.empty() && !after) {
      read_one(snapshot, *name, out);
      return out;
    }
    bool more = false;
    snapshot.scan(target_.kind->storage_key, target_.ns, after ? &*after : nullptr, [&](const store::ObjectRef& object) {
      if (!matches(object)) return true;
      if (options_.limit > 0 && out.objects.size() == static_cast<std::size_t>(options_.limit)) {
        more = true;
        return false;
      }
      if (unreadable_.empty()) out.objects.push_back(shown(object));
      return !broken_ && unreadable_.size() <= kUnreadableNamedMax;
    });
    if (!unreadable_.empty()) return out;
    if (more) go_on(snapshot, out);
    return out;
  }

  std::optional<store::Key> start() const {
    if (!token_) return std::nullopt;
    store::Key key{target_.kind->storage_key, target_.ns, token_->after};
    // Over all namespaces the token holds "namespace/name".
    if (const auto slash = token_->after.find('/'); target_.ns.empty() && slash != std::string::npos) {
      key.ns = token_->after.substr(0, slash);
      key.name = token_->after.substr(slash + 1);
    }
    return key;
  }

  void read_one(const store::Snapshot& snapshot, const std::string& name, Listed& out) {
    const auto object = snapshot.get({target_.kind->storage_key, target_.ns, name});
    if (object && matches(object)) out.objects.push_back(shown(object));
  }

  void go_on(const store::Snapshot& snapshot, Listed& out) const {
    const auto& last = out.objects.back()->key();
    PageToken next{static_cast<std::int64_t>(out.revision), target_.ns.empty() && !last.ns.empty() ? last.ns + "/" + last.name : last.name};
    if (options_.selector.empty()) {
      next.left = left_after(snapshot, last, out.objects.size());
      out.remaining = next.left;
    }
    out.continue_token = encode_page_token(next);
  }

  std::int64_t left_after(const store::Snapshot& snapshot, const store::Key& last, std::size_t shown) const {
    if (!token_) {
      const auto& resource = target_.kind->storage_key;
      return static_cast<std::int64_t>((target_.ns.empty() ? snapshot.count(resource) : snapshot.count(resource, target_.ns)) - shown);
    }
    if (token_->revision > 0 && token_->left >= 0) return std::max<std::int64_t>(1, token_->left - static_cast<std::int64_t>(shown));
    std::int64_t count = 0;
    snapshot.scan(target_.kind->storage_key, target_.ns, &last, [&](const store::ObjectRef&) { return ++count > 0; });
    return count;
  }

  /// Columns of an older schema do not have what is selected now.
  bool matches(const store::ObjectRef& object) {
    if (store::is_unreadable(*object)) return unreadable_.push_back(unreadable_cause(*target_.kind, *object)), false;   // who knows
    return options_.selector.matches(by_columns_ && !by_webhook_ ? *formed(*storage_, object) : *object);
  }
  /// What a webhook converts is asked of it together, later.
  store::ObjectRef shown(const store::ObjectRef& object) { return by_webhook_ ? object : formed(*target_.kind, object); }

  store::ObjectRef formed(const kinds::Kind& kind, const store::ObjectRef& object) {
    if (object->columns().schema_epoch == kind.schema_epoch) return object;
    auto out = in_form_of(core_, kind, object);
    if (out) return std::move(*out);
    broken_ = out.error();
    return object;
  }

  const Core& core_;
  const Target& target_;
  const ListOptions& options_;
  std::optional<PageToken> token_;
  kinds::KindRef storage_;
  bool by_webhook_ = false, by_columns_ = false;
  std::vector<base::Cause> unreadable_;
  std::optional<base::Error> broken_;   // of the first object that could not be brought into form
};

/// The revision that a list has to show exactly, if it has to.
std::optional<store::Revision> exact_revision(const ListOptions& options, const std::optional<PageToken>& token) {
  if (token) return token->revision > 0 ? std::optional<store::Revision>(token->revision) : std::nullopt;
  if (options.match == Match::exact) return options.revision;
  // As upstream always did: a limited list of a given revision is of that revision.
  if (options.match == Match::unset && options.limit > 0 && options.revision.value_or(0) > 0) return options.revision;
  return std::nullopt;
}

/// What is left to say of an unreadable object that was deleted.
store::ObjectRef named(const kinds::Kind& kind, const store::Object& object) {
  json::object metadata{{"name", object.key().name}};
  if (!object.key().ns.empty()) metadata["namespace"] = object.key().ns;
  return synthesized(json::object{{"apiVersion", kind.api_version()}, {"kind", kind.kind}, {"metadata", std::move(metadata)}}, copy_of(object.columns()), object.revision());
}

base::Error too_old(const std::optional<PageToken>& token) {
  if (!token) return base::expired("The resourceVersion for the provided list is too old.");
  auto error = base::expired(std::string(kTokenTooOld));
  error.continue_token = encode_page_token({-1, token->after});
  return error;
}

}  // namespace

void Reader::at_least(const Context& context, std::optional<store::Revision> revision, OnSnapshot done) const {
  auto& store = core_.parts.store;
  if (revision && *revision <= store.snapshot().revision()) return done(store.snapshot());
  auto answer = [&store, done = std::move(done)](base::Outcome<store::Revision> reached) {
    if (reached) done(store.snapshot());
    else done(reached.error());
  };
  if (!revision) return store.fresh(std::move(answer));
  const auto deadline = std::min(context.deadline, core_.parts.runtime.in_ms(kFutureRevisionWait_ms));
  store.wait_for(*revision, deadline, [&store, wanted = *revision, answer = std::move(answer)](base::Outcome<store::Revision> reached) {
    if (reached || reached.error().code != 504) return answer(std::move(reached));
    answer(base::too_large_revision(wanted, store.snapshot().revision()));
  });
}

void Reader::get(const Context& context, Target target, ReadOptions options, std::function<void(base::Outcome<store::ObjectRef>)> done) const {
  if (auto allowed = core_.admit(context, target, "get"); !allowed) return done(allowed.error());
  at_least(context, options.revision, [this, target = std::move(target), deadline = context.deadline, done = std::move(done)](base::Outcome<store::Snapshot> snapshot) {
    if (!snapshot) return done(store::about_operation(snapshot.error(), "get", target.kind->group, target.kind->resource));
    auto found = snapshot->get(key_of(target));
    if (!found) return done(not_found(target));
    const bool as_stored = !answers_object(target) || found->columns().schema_epoch == target.kind->schema_epoch;
    if (target.subresource != "scale" && as_stored) return done(std::move(found));
    core_.conversions->in_form_of(core_, target.kind, {std::move(found)}, deadline, [this, target, done](base::Outcome<Objects> objects) {
      if (!objects) return done(objects.error());
      if (target.subresource == "scale") return done(scale_of(core_, target, *objects->front()));
      done(std::move(objects->front()));
    });
  });
}

void Reader::list(const Context& context, Target target, ListOptions options, std::function<void(base::Outcome<Listed>)> done, bool authorize) const {
  if (auto allowed = core_.admit(context, target, "list", authorize, &options.selector); !allowed) return done(allowed.error());
  if (auto valid = check(options); !valid) return done(valid.error());
  if (auto valid = check_name_selector(target, options.selector); !valid) return done(valid.error());
  if (auto valid = over_stored(*target.kind, *core_.storage_kind(target), options.selector); !valid) return done(valid.error());
  std::optional<PageToken> token;
  if (!options.continue_token.empty()) {
    auto decoded = decode_page_token(options.continue_token);
    if (!decoded) return done(decoded.error());
    if (options.revision.value_or(0) != 0) return done(base::bad_request("specifying resource version is not allowed when using continue"));
    token = std::move(*decoded);
  }
  const auto exact = exact_revision(options, token);
  const auto wanted = exact ? exact : token ? std::optional<store::Revision>() : options.revision;
  at_least(context, wanted, [this, target = std::move(target), options = std::move(options), token = std::move(token), exact, deadline = context.deadline, done = std::move(done)](base::Outcome<store::Snapshot> snapshot) {
    const auto named = [&](base::Error error) { return store::about_operation(std::move(error), "list", target.kind->group, target.kind->resource); };
    if (!snapshot) return done(named(snapshot.error()));
    if (exact && *exact != snapshot->revision()) {
      auto past = core_.parts.store.snapshot_at(*exact, target.kind->storage_key);
      if (!past) return done(past.error().code == 410 ? too_old(token) : named(past.error()));
      snapshot = std::move(past);
    }
    auto listed = Page(core_, target, options, token).read(*snapshot);
    if (!listed) return done(listed.error());
    auto objects = std::exchange(listed->objects, {});
    core_.conversions->in_form_of(core_, target.kind, std::move(objects), deadline, [listed = std::move(*listed), done](base::Outcome<Objects> converted) mutable {
      if (!converted) return done(converted.error());
      listed.objects = std::move(*converted);
      done(std::move(listed));
    });
  });
}

base::Outcome<std::unique_ptr<watch::Watch>> Reader::watch(const Context& context, Target target, watch::WatchRequest request, watch::WatchSink& sink) const {
  if (auto allowed = core_.admit(context, target, "watch", true, &request.selector); !allowed) return allowed.error();
  if (auto valid = check_name_selector(target, request.selector); !valid) return valid.error();
  if (auto valid = over_stored(*target.kind, *core_.storage_kind(target), request.selector); !valid) return valid.error();
  request.resource = target.kind->storage_key;
  request.ns = target.kind->namespaced ? target.ns : std::string();
  const auto open = [this](watch::WatchRequest stored, watch::WatchSink& to) -> base::Outcome<std::unique_ptr<watch::Watch>> { return core_.parts.hub.watch(std::move(stored), to); };
  if (core_.conversions->by_webhook(*target.kind)) return converting_watch(core_, target.kind, std::move(request), sink, open);
  request.encoding.encode = [this, kind = target.kind, encode = std::move(request.encoding.encode)](watch::EventType type, store::Revision revision, const store::ObjectRef& object, bool initial_events_end) {
    if (!object || object->columns().schema_epoch == kind->schema_epoch) return encode(type, revision, object, initial_events_end);
    const auto now = core_.parts.registry.current()->find(kind->group, kind->version, kind->resource);   // a watch may outlive a schema
    if (store::is_unreadable(*object)) return encode(type, revision, named(now ? *now : *kind, *object), initial_events_end);
    auto formed = in_form_of(core_, now ? *now : *kind, object);
    return encode(type, revision, formed ? std::move(*formed) : object, initial_events_end);
  };
  return core_.parts.hub.watch(std::move(request), sink);
}

}  // namespace keelson::verbs
