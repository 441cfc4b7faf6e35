#include "core/remote/mirror.hpp"

#include <boost/json/serialize.hpp>

#include <charconv>

#include "core/auth/json_access.hpp"
#include "core/store/change_ring.hpp"
#include "core/store/log.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::remote {

namespace json = boost::json;

namespace {

store::Revision revision_of(std::string_view text) {
  store::Revision revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return revision;
}

/// The object's text with a slot for the revision, as the store's objects have it.
std::pair<std::string, std::size_t> with_slot(const json::object& object) {
  constexpr std::string_view kSlot = R"("resourceVersion":")";
  std::string out = "{";
  std::size_t slot = 0;
  for (const auto& [name, value] : object) {
    if (out.size() > 1) out += ',';
    out += json::serialize(json::value(name)) + ":";
    if (name != "metadata" || !value.is_object()) {
      out += json::serialize(value);
      continue;
    }
    out.append("{").append(kSlot);
    slot = out.size();
    out.append(store::kRevisionSlotBytes, ' ');
    for (const auto& [key, member] : value.get_object())
      if (key != "resourceVersion") out += "," + json::serialize(json::value(key)) + ":" + json::serialize(member);
    out += '}';
  }
  return {out + "}", slot};
}

}  // namespace

base::Outcome<store::ObjectRef> object_from(const kinds::Kind& kind, json::value value) {
  if (!value.is_object()) return base::internal("the server's answer is no object");
  auto& object = value.get_object();
  if (!object.contains("apiVersion")) object["apiVersion"] = kind.api_version();
  if (!object.contains("kind")) object["kind"] = kind.kind;
  auth::object_at(value, {"metadata"});
  const auto revision = revision_of(auth::text_at(value, {"metadata", "resourceVersion"}));
  auto columns = verbs::columns_of(kind, value);
  columns.key = {kind.storage_key, std::string(auth::text_at(value, {"metadata", "namespace"})), std::string(auth::text_at(value, {"metadata", "name"}))};
  columns.schema_epoch = kind.schema_epoch;   // the server keeps objects at their current schema
  auto [body, slot] = with_slot(object);
  return store::Draft(columns, body, slot).freeze(revision);
}

/// The log behind the store: installs what it is told, remembers some of it.
class Mirror::Changes {
 public:
  explicit Changes(base::Runtime& runtime) : runtime_(runtime) {}
  void start(store::FeedTarget& target) { target_ = &target; }
  void install(std::vector<store::Change> changes) {
    for (auto& change : changes) {
      revision_ = std::max(revision_ + 1, change.object->revision());
      change.revision = revision_;
      change.ends_commit = &change == &changes.back();
      ring_.append(change, runtime_.monotonic_ns());
    }
    target_->install(std::move(changes));
  }
  store::Snapshot installed() const { return target_->installed(); }
  const store::ChangeRing& ring() const { return ring_; }

 private:
  base::Runtime& runtime_;
  store::ChangeRing ring_{{kMirrorHistoryBytesMax, kMirrorChangesMax, 0}};
  store::FeedTarget* target_ = nullptr;
  store::Revision revision_ = 0;
};

namespace {

/// Writes do not come this way.
template <class Changes>
class RemoteLog final : public store::Log {
 public:
  explicit RemoteLog(std::shared_ptr<Changes> changes) : changes_(std::move(changes)) {}
  base::Outcome<void> start(store::FeedTarget& target) override {
    changes_->start(target);
    return {};
  }
  void commit(store::Commit, store::OnLogged done) override {
    store::CommitOutcome refused;
    refused.error = base::internal("what a remote server keeps is written through that server");
    done(std::move(refused), 0);
  }
  void fresh(std::function<void(base::Outcome<store::Revision>)> done) override { done(changes_->installed().revision()); }
  base::Outcome<store::HistoryPage> history(store::Atom resource, store::Revision after, const store::Snapshot& installed, std::size_t changes_max) const override {
    auto page = changes_->ring().history(resource, after, installed.revision(), changes_max);
    if (after < changes_->ring().compacted(resource)) return base::expired("these changes are not known any more");
    return page;
  }
  base::Outcome<store::ObjectRef> get_at(const store::Key&, store::Revision, const store::Snapshot&) const override {
    return base::expired("a remote server's past is not known here");
  }
  store::Revision compacted(store::Atom resource) const override { return changes_->ring().compacted(resource); }
  void stop() override {}

 private:
  const std::shared_ptr<Changes> changes_;
};

}  // namespace

Mirror::Mirror(base::Runtime& runtime, base::Metrics& metrics)
    : changes_(std::make_shared<Changes>(runtime)), store_(std::move(store::make_store(std::make_unique<RemoteLog<Changes>>(changes_), runtime, metrics).value())) {}
Mirror::~Mirror() = default;

void Mirror::install(std::vector<store::Change> changes) {
  if (!changes.empty()) changes_->install(std::move(changes));
}

void Mirror::put(store::ObjectRef object) {
  store::Change change;
  change.previous = store_->snapshot().get(object->key());
  if (change.previous && change.previous->revision() == object->revision() && change.previous->columns().uid == object->columns().uid) return;
  change.type = change.previous ? store::ChangeType::modified : store::ChangeType::added;
  change.object = std::move(object);
  install({std::move(change)});
}

void Mirror::erase(const store::Key& key) {
  store::Change change;
  change.previous = store_->snapshot().get(key);
  if (!change.previous) return;
  change.type = store::ChangeType::deleted;
  change.object = change.previous;
  install({std::move(change)});
}

bool Mirror::outdated(const store::Object& object) {
  const auto own = own_.find(object.key());
  if (own == own_.end()) return false;
  const bool older = own->second.revision == 0 ? object.columns().uid == own->second.uid : object.revision() < own->second.revision;
  if (!older) own_.erase(own);
  return older;
}

void Mirror::show(store::ObjectRef object) {
  passed(object->key().resource, object->revision());
  if (!outdated(*object)) put(std::move(object));
}

void Mirror::show_deleted(const store::ObjectRef& object) {
  passed(object->key().resource, object->revision());
  const auto own = own_.find(object->key());
  if (own != own_.end() && own->second.revision > object->revision()) return;   // the one before ours
  if (own != own_.end()) own_.erase(own);
  erase(object->key());
}

void Mirror::passed(store::Atom resource, store::Revision upto) {
  auto& shown = shown_[resource];
  shown = std::max(shown, upto);
}

void Mirror::replace(store::Atom resource, std::vector<store::ObjectRef> objects, store::Revision upto) {
  std::unordered_set<store::Key, KeyHash> there;
  for (auto& object : objects) {
    there.insert(object->key());
    if (!outdated(*object)) put(std::move(object));
  }
  std::vector<store::Key> gone;
  store_->snapshot().scan(resource, {}, nullptr, [&](const store::ObjectRef& object) {
    const auto own = own_.find(object->key());
    const bool newer = own != own_.end() && own->second.revision > upto;
    if (!there.contains(object->key()) && !newer) gone.push_back(object->key());
    return true;
  });
  for (const auto& key : gone) erase(key);
  std::erase_if(own_, [&](const auto& entry) { return entry.first.resource == resource && entry.second.revision <= upto && !there.contains(entry.first); });
  shown_[resource] = upto;
}

void Mirror::wrote(store::ObjectRef object) {
  const auto& key = object->key();
  const auto watched = shown_.find(key.resource);
  if (watched == shown_.end() || object->revision() <= watched->second) return;   // nobody looks, or the watch was faster
  const auto current = store_->snapshot().get(key);
  if (current && current->revision() >= object->revision()) return;
  own_[key] = {object->revision(), std::string(object->columns().uid)};
  put(std::move(object));
}

void Mirror::removed(const store::Key& key, const std::string& uid) {
  const auto current = store_->snapshot().get(key);
  if (!current || (!uid.empty() && current->columns().uid != uid)) return;
  own_[key] = {0, std::string(current->columns().uid)};
  erase(key);
}

}  // namespace keelson::remote
