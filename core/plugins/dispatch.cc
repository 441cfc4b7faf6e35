// From changes in the store to keys in queues and calls of observers: the event thread's work.
#include <algorithm>
#include <utility>

#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

constexpr std::size_t kHistorySlice = 1024;

const store::ObjectRef kNothing;

}  // namespace

// Shows everything that exists. The inbox has been collecting since before the snapshot, so nothing falls between.
void Instance::sync() {
  const auto snapshot = core_.store.snapshot();
  seen_ = snapshot.revision();
  for (const auto resource : snapshot.resources())
    if (inbox_->wants(resource)) sync_resource(snapshot, resource);
  if (handover_ && !stopping_.load()) {
    take_over_deletions(snapshot.revision());
    take_over_keys();
    handover_.reset();
  }
  for (std::uint32_t i = 0; i < declaration_.observers.size() && !stopping_.load(); ++i) show(i, KEELSON_SYNCED, kNothing, kNothing);
  synced_.store(true);
  changed_();
}

// What went between two instances is in no snapshot. Observers never saw it, so only controllers hear of it.
void Instance::take_over_deletions(store::Revision upto) {
  auto seen = handover_->seen;
  while (seen != 0 && seen < upto && !stopping_.load()) {
    const auto page = core_.store.history(base::Atom(), seen, kHistorySlice);
    if (!page) return log(base::LogLevel::warn, "what was deleted while the plugin was away is not known any more");
    for (const auto& change : page->changes)
      if (change.type == store::ChangeType::deleted && inbox_->wants(change)) route_all(change);
    if (page->upto <= seen) return;
    seen = page->upto;
  }
}

void Instance::take_over_keys() {
  const auto now = core_.runtime.monotonic_ns();
  for (auto& controller : controllers_) {
    const auto left = handover_->keys.find(controller->declaration().name);
    if (left == handover_->keys.end()) continue;
    for (const auto& [key, due] : left->second) controller->add_after(key, due == 0 ? 0 : due - now);
  }
}

void Instance::sync_resource(const store::Snapshot& snapshot, base::Atom resource) {
  snapshot.scan(resource, {}, nullptr, [&](const store::ObjectRef& object) {
    store::Change change;
    change.revision = object->revision();
    change.object = object;
    process(change);
    return !stopping_.load();
  });
}

// The inbox overflowed, or was told that something was lost: the log has what it dropped, and perhaps nobody has seen it.
void Instance::catch_up() {
  const auto routed_after = std::exchange(routed_after_, store::Revision(-1));
  show_missed();
  routed_after_ = routed_after;
}

void Instance::show_missed() {
  const auto upto = core_.store.snapshot().revision();
  while (seen_ < upto && !stopping_.load()) {
    const auto page = core_.store.history(base::Atom(), seen_, kHistorySlice);
    if (!page) {   // compacted meanwhile: only a new start shows everything
      behind_.store(true);
      changed_();
      return;
    }
    for (const auto& change : page->changes)
      if (inbox_->wants(change)) process(change);
    if (page->upto <= seen_) return;
    seen_ = page->upto;
  }
}

void Instance::process(const store::Change& change) {
  seen_ = std::max(seen_, change.revision);
  observe(change);
  route_all(change);
}

void Instance::route_all(const store::Change& change) {
  const auto& key = change.object->key();
  const bool deleted = change.type == store::ChangeType::deleted;
  const auto& now = deleted ? kNothing : change.object;
  const auto& before = deleted && !change.previous ? change.object : change.previous;
  for (std::uint32_t c = 0; c < controllers_.size(); ++c) {
    const auto& sources = controllers_[c]->declaration().sources;
    for (std::uint32_t s = 0; s < sources.size(); ++s)
      if (sources[s].covers(key) && !(change.revision > routed_after_ && at_once_[c][s])) route(c, s, before, now);
  }
}

// Nothing of the plugin has to see it before its key is queued.
bool Instance::at_once(base::Atom resource, const SourceDeclaration& source) const {
  if (source.via != SourceDeclaration::Via::self || source.predicate || !source.name.empty()) return false;
  return std::none_of(declaration_.observers.begin(), declaration_.observers.end(), [&](const auto& observer) { return observer.all || observer.resource == resource; });
}

void Instance::route(std::uint32_t controller, std::uint32_t source, const store::ObjectRef& before, const store::ObjectRef& now) {
  const auto& declared = controllers_[controller]->declaration().sources[source];
  if (declared.predicate && !lets_through(controller, source, before.get(), now.get())) return;
  switch (declared.via) {
    case SourceDeclaration::Via::self: {
      const auto& key = (now ? now : before)->key();
      controllers_[controller]->add(queue_key(key.ns, key.name));
      return;
    }
    case SourceDeclaration::Via::owner:
      if (now) enqueue_owner(controller, declared, now);
      if (before && (!now || controller_uid(*before) != controller_uid(*now))) enqueue_owner(controller, declared, before);
      return;
    case SourceDeclaration::Via::map:
      if (now) map(controller, source, now);
      if (before) map(controller, source, before);
      return;
  }
}

bool Instance::lets_through(std::uint32_t controller, std::uint32_t source, const store::Object* before, const store::Object* now) {
  std::string error;
  std::int32_t through = 1;
  guarded_call(name_, error, [&] {
    through = library_->table().predicate(self_, controller, source, handle_of(before), handle_of(now));
    return 0;
  });
  return through != 0;
}

void Instance::map(std::uint32_t controller, std::uint32_t source, const store::ObjectRef& object) {
  const NextCall scope(calls_, mapping_, "map", object->key().name, core_.runtime.in_ms(kCallDeadline_ms), object->revision());
  if (!scope) return;
  const CallTable::Here here(mapping_);
  std::string error;
  struct Mapped { Controller& to; bool cluster_scoped; } mapped{*controllers_[controller], cluster_scoped(controller)};
  const keelson_sink keys{&mapped, [](void* to, keelson_bytes bytes) {
    auto& [queue, cluster_scoped] = *static_cast<Mapped*>(to);
    const std::string key(text_of(bytes));
    queue.add(cluster_scoped ? queue_key({}, split_key(key).second) : key);
  }};
  const auto status = guarded_call(name_, error, [&] { return library_->table().map(self_, scope.id(), controller, source, handle_of(object.get()), keys); });
  if (status == 0) return;
  errors_.fetch_add(1);
  note_failure(status, "map " + object->key().name, error);
}

/// Keys of such a controller have no namespace, whatever the object is in that leads to them.
bool Instance::cluster_scoped(std::uint32_t controller) const {
  const auto& declared = controllers_[controller]->declaration();
  if (!declared.kind) return false;
  const auto kind = core_.registry.current()->by_storage_key(declared.resource);
  return kind && !kind->namespaced;
}

void Instance::enqueue_owner(std::uint32_t controller, const SourceDeclaration&, const store::ObjectRef& object) {
  const auto& kind = *controllers_[controller]->declaration().kind;
  for (const auto& owner : object->columns().owners) {
    if (!owner.controller || owner.kind != kind.kind) continue;
    const auto slash = owner.api_version.find('/');
    if ((slash == std::string_view::npos ? std::string_view() : owner.api_version.substr(0, slash)) != kind.group) continue;
    controllers_[controller]->add(queue_key(cluster_scoped(controller) ? std::string_view() : std::string_view(object->key().ns), owner.name));
  }
}

void Instance::observe(const store::Change& change) {
  const bool deleted = change.type == store::ChangeType::deleted;
  const auto what = deleted ? KEELSON_DELETED : change.previous ? KEELSON_MODIFIED : KEELSON_ADDED;
  for (std::uint32_t i = 0; i < declaration_.observers.size(); ++i) {
    if (!declaration_.observers[i].shows(change)) continue;
    show(i, what, deleted ? kNothing : change.object, deleted && !change.previous ? change.object : change.previous);
  }
}

void Instance::show(std::uint32_t observer, std::int32_t what, const store::ObjectRef& now, const store::ObjectRef& before) {
  const auto& shown = now ? now : before;
  const NextCall scope(calls_, observing_, "observe", shown ? std::string_view(shown->key().name) : std::string_view(), core_.runtime.in_ms(kCallDeadline_ms), shown ? shown->revision() : 0);
  if (!scope) return;
  const CallTable::Here here(observing_);
  const bool all = declaration_.observers[observer].all;
  const std::string none;
  const auto& kind = all && shown ? kind_json(shown->key().resource) : none;
  std::string error;
  const auto status = guarded_call(name_, error, [&] {
    return library_->table().observe(self_, scope.id(), observer, what, bytes_of(kind), handle_of(now.get()), handle_of(before.get()));
  });
  if (status == 0) return;
  errors_.fetch_add(1);
  note_failure(status, "observe" + (shown ? " " + shown->key().name : std::string()), error);
}

const std::string& Instance::kind_json(base::Atom resource) {
  const auto catalog = core_.registry.current();
  auto& [epoch, text] = kind_jsons_[resource];
  if (text.empty() || epoch != catalog->epoch()) {
    epoch = catalog->epoch();
    if (const auto kind = catalog->by_storage_key(resource)) {
      text = kind_entry_json(*kind);
    } else {   // withdrawn since: what its storage key says
      kinds::Kind gone;
      const auto dot = resource.text().find('.');
      gone.resource = resource.text().substr(0, dot);
      if (dot != std::string_view::npos) gone.group = resource.text().substr(dot + 1);
      gone.storage_key = resource;
      text = kind_entry_json(gone);
    }
  }
  return text;
}

}  // namespace keelson::plugins
