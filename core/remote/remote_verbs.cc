#include "core/remote/remote_verbs.hpp"

#include <boost/json.hpp>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"

namespace keelson::remote {

namespace json = boost::json;
using verbs::Context;
using verbs::Target;

namespace {

constexpr int kNotImplemented = 501;

base::Error not_here(std::string what) {
  base::Error error;
  error.code = kNotImplemented;
  error.reason = "NotImplemented";
  error.message = std::move(what);
  return error;
}

std::string store_key_ns(const Target& target) { return target.kind->namespaced ? target.ns : std::string(); }

std::string query_of(const Context& context, const verbs::WriteOptions& options, bool apply) {
  std::string query = "?fieldValidation=";
  query += options.validation == kinds::FieldValidation::ignore ? "Ignore" : options.validation == kinds::FieldValidation::strict ? "Strict" : "Warn";
  if (!context.field_manager.empty()) query += "&fieldManager=" + escaped(context.field_manager);
  if (options.dry_run) query += "&dryRun=All";
  if (apply && options.force) query += "&force=true";
  return query;
}

const char* media_of(kinds::PatchType type) {
  switch (type) {
    case kinds::PatchType::json: return "application/json-patch+json";
    case kinds::PatchType::strategic: return "application/strategic-merge-patch+json";
    case kinds::PatchType::apply: return "application/apply-patch+yaml";
    default: return "application/merge-patch+json";
  }
}

std::string delete_options(const verbs::DeleteOptions& options) {
  json::object out{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  json::object preconditions;
  if (options.uid) preconditions["uid"] = *options.uid;
  if (options.resource_version) preconditions["resourceVersion"] = *options.resource_version;
  if (!preconditions.empty()) out["preconditions"] = std::move(preconditions);
  if (options.grace_period_s) out["gracePeriodSeconds"] = *options.grace_period_s;
  if (options.propagation) out["propagationPolicy"] = *options.propagation;
  if (options.orphan_dependents) out["orphanDependents"] = *options.orphan_dependents;
  if (options.dry_run) out["dryRun"] = json::array{"All"};
  return json::serialize(out);
}

base::Outcome<json::value> parsed(base::Outcome<std::string> body) {
  if (!body) return body.error();
  boost::system::error_code failed;
  auto value = base::json_of(*body, failed);
  if (failed) return base::internal("the server's answer is no JSON");
  return value;
}

bool is_gone(const json::value& object) {
  const auto* finalizers = auth::list_at(object, {"metadata", "finalizers"});
  const bool kept = finalizers != nullptr && !finalizers->empty();
  return !kept && auth::integer_at(object, {"metadata", "deletionGracePeriodSeconds"}) == 0;
}

}  // namespace

kinds::KindRef RemoteVerbs::stored_form(const kinds::KindRef& kind) const {
  const auto stored = registry_.current()->by_storage_key(kind->storage_key);
  return stored ? stored : kind;
}

// --- reads ---------------------------------------------------------------------------------------------------------

void RemoteVerbs::get_live(const Target& target, std::function<void(base::Outcome<store::ObjectRef>)> done) {
  Request request;
  request.target = path_of(*target.kind, target.ns, target.name, target.subresource);
  client_.send(std::move(request), [kind = target.kind, done = std::move(done)](base::Outcome<Answer> answered) {
    auto value = parsed(body_of(std::move(answered)));
    if (!value) return done(value.error());
    done(object_from(*kind, std::move(*value)));
  });
}

void RemoteVerbs::get(const Context&, Target target, verbs::ReadOptions, std::function<void(base::Outcome<store::ObjectRef>)> done) {
  if (!target.subresource.empty() || !target.kind->allows("watch")) return get_live(target, std::move(done));
  const auto kind = stored_form(target.kind);
  informers_.cover(kind, [this, kind, target = std::move(target), done = std::move(done)](base::Outcome<void> covered) {
    if (!covered) return done(covered.error());
    auto object = mirror_.store().snapshot().get({kind->storage_key, store_key_ns(target), target.name});
    if (!object) return done(base::not_found(kind->group, kind->resource, target.name));
    done(std::move(object));
  });
}

void RemoteVerbs::list(const Context&, Target target, verbs::ListOptions options, std::function<void(base::Outcome<verbs::Listed>)> done) {
  const auto kind = stored_form(target.kind);
  informers_.cover(kind, [this, kind, ns = store_key_ns(target), selector = std::move(options.selector), done = std::move(done)](base::Outcome<void> covered) {
    if (!covered) return done(covered.error());
    verbs::Listed listed;
    const auto snapshot = mirror_.store().snapshot();
    listed.revision = snapshot.revision();
    snapshot.scan(kind->storage_key, ns, nullptr, [&](const store::ObjectRef& object) {
      if (selector.matches(*object)) listed.objects.push_back(object);
      return true;
    });
    done(std::move(listed));
  });
}

base::Outcome<json::value> RemoteVerbs::decoded(const kinds::Kind&, const store::Object& object, json::storage_ptr memory) {
  boost::system::error_code failed;
  auto value = base::json_of(object.body(), failed, std::move(memory));
  if (failed) return base::internal("an object is no JSON");
  return value;
}

base::Outcome<std::unique_ptr<watch::Watch>> RemoteVerbs::watch(const Context&, Target, watch::WatchRequest, watch::WatchSink&) {
  return not_here("this host serves no watches");
}

// --- writes --------------------------------------------------------------------------------------------------------

base::Outcome<verbs::Written> RemoteVerbs::written(const Target& target, base::Outcome<std::string> body, bool dry_run, bool created) {
  auto value = parsed(std::move(body));
  if (!value) return value.error();
  const bool own_kind = auth::text_at(*value, {"kind"}) == target.kind->kind;
  auto object = object_from(*target.kind, std::move(*value));
  if (!object) return object.error();
  const bool stored_version = stored_form(target.kind)->version == target.kind->version;
  if (own_kind && stored_version && !dry_run) mirror_.wrote(*object);
  verbs::Written result;
  result.object = std::move(*object);
  result.created = created;
  return result;
}

void RemoteVerbs::send_write(Request request, std::function<void(base::Outcome<Answer>)> done) {
  if (!may_write_()) return done(base::unavailable("this process leads no longer, so it writes nothing"));
  client_.send(std::move(request), std::move(done));
}

void RemoteVerbs::write(Target target, Request request, bool dry_run, bool created, verbs::OnWritten done) {
  send_write(std::move(request), [this, target = std::move(target), dry_run, created, done = std::move(done)](base::Outcome<Answer> answered) {
    done(written(target, body_of(std::move(answered)), dry_run, created));
  });
}

void RemoteVerbs::create(const Context& context, Target target, verbs::Body body, verbs::WriteOptions options, verbs::OnWritten done) {
  const auto path = path_of(*target.kind, target.ns, target.subresource.empty() ? std::string() : target.name, target.subresource);
  Request request{"POST", path + query_of(context, options, false), "application/json", std::move(body.bytes)};
  write(std::move(target), std::move(request), options.dry_run, true, std::move(done));
}

void RemoteVerbs::update(const Context& context, Target target, verbs::Body body, verbs::WriteOptions options, verbs::OnWritten done) {
  Request request{"PUT", path_of(*target.kind, target.ns, target.name, target.subresource) + query_of(context, options, false), "application/json", std::move(body.bytes)};
  write(std::move(target), std::move(request), options.dry_run, false, std::move(done));
}

void RemoteVerbs::patch(const Context& context, Target target, kinds::PatchType type, verbs::Body body, verbs::WriteOptions options, verbs::OnWritten done) {
  const auto query = query_of(context, options, type == kinds::PatchType::apply);
  Request request{"PATCH", path_of(*target.kind, target.ns, target.name, target.subresource) + query, media_of(type), std::move(body.bytes)};
  write(std::move(target), std::move(request), options.dry_run, false, std::move(done));
}

// A Status says that it is gone; an object may say that it only began to go.
base::Outcome<verbs::Written> RemoteVerbs::taken_away(const Target& target, base::Outcome<std::string> body, bool dry_run) {
  auto value = parsed(std::move(body));
  if (!value) return value.error();
  const store::Key key{target.kind->storage_key, store_key_ns(target), target.name};
  verbs::Written result;
  const bool status = auth::text_at(*value, {"kind"}) == "Status" && auth::text_at(*value, {"apiVersion"}) == "v1";
  result.gone = status || is_gone(*value);
  const std::string uid(status ? auth::text_at(*value, {"details", "uid"}) : auth::text_at(*value, {"metadata", "uid"}));
  if (status) {
    result.object = mirror_.store().snapshot().get(key);
  } else {
    auto object = object_from(*target.kind, std::move(*value));
    if (!object) return object.error();
    result.object = std::move(*object);
  }
  if (dry_run) return result;
  if (result.gone) mirror_.removed(key, uid);
  else mirror_.wrote(result.object);
  return result;
}

void RemoteVerbs::remove(const Context&, Target target, verbs::DeleteOptions options, verbs::OnWritten done) {
  Request request{"DELETE", path_of(*target.kind, target.ns, target.name, target.subresource), "application/json", delete_options(options)};
  send_write(std::move(request), [this, target = std::move(target), dry_run = options.dry_run, done = std::move(done)](base::Outcome<Answer> answered) {
    done(taken_away(target, body_of(std::move(answered)), dry_run));
  });
}

void RemoteVerbs::remove_collection(const Context&, Target, verbs::ListOptions, verbs::DeleteOptions, std::function<void(base::Outcome<verbs::Listed>)> done) {
  done(not_here("collections are deleted object by object here"));
}

void RemoteVerbs::transact(const Context& context, std::vector<Step> steps, std::vector<store::Expectation> expectations, std::function<void(base::Outcome<std::vector<verbs::Written>>)> done) {
  if (steps.size() != 1 || !expectations.empty()) return done(not_here("transact: a Kubernetes API server writes one object at a time; a plugin that cannot do without declares that it needs transact"));
  auto& step = steps.front();
  auto one = [done = std::move(done)](base::Outcome<verbs::Written> written) {
    if (!written) return done(written.error());
    std::vector<verbs::Written> all;
    all.push_back(std::move(*written));
    done(std::move(all));
  };
  switch (step.op) {
    case Step::Op::create: return create(context, std::move(step.target), std::move(step.body), step.options, std::move(one));
    case Step::Op::update: return update(context, std::move(step.target), std::move(step.body), step.options, std::move(one));
    case Step::Op::patch: return patch(context, std::move(step.target), step.patch_type, std::move(step.body), step.options, std::move(one));
    case Step::Op::remove: return remove(context, std::move(step.target), step.delete_options, std::move(one));
  }
}

}  // namespace keelson::remote
