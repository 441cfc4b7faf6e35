#include "graph.hpp"

#include <algorithm>

namespace gc {
namespace {

constexpr std::string_view kForeground = "foregroundDeletion";
constexpr std::string_view kOrphan = "orphan";

}  // namespace

keelson::Key work_key(std::string_view storage_key, std::string_view ns, std::string_view name) {
  std::string item;
  item.reserve(storage_key.size() + 1 + name.size());
  item.append(storage_key).append("/").append(name);
  return {std::string(ns), std::move(item)};
}

bool Subject::has(std::string_view finalizer) const { return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end(); }

Subject subject_of(const keelson::ObjectHandle& object) {
  Subject subject;
  subject.uid = object.uid();
  subject.resource_version = std::to_string(object.revision());
  subject.deleting = object.deleting();
  subject.finalizers = object.finalizers();
  if (object.owner_count() != 0) subject.owners = keelson::decode<keelson::meta_v1::PartialObjectMetadata>(object.body()).meta.ownerReferences;
  return subject;
}

std::vector<keelson::Key> Graph::update(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
  if (what == "synced") return {};
  const bool gone = what == "deleted";
  const auto& shown = gone ? before : now;
  const auto subject = subject_of(shown);
  const bool waits = subject.deleting && (subject.has(kForeground) || subject.has(kOrphan));
  std::lock_guard lock(mutex_);
  if (!waits && subject.owners.empty() && !entries_.contains(subject.uid) && !owned_.contains(subject.uid)) return {};
  if (gone) return forget(subject);
  return take_in(subject, work_key(kind.storage_key, shown.ns(), shown.name()), waits);
}

std::vector<keelson::Key> Graph::forget(const Subject& subject) {
  std::vector<keelson::Key> work;
  if (const auto held = owned_.find(subject.uid); held != owned_.end()) {
    held->second.owner_gone = true;
    for (const auto& [uid, blocks] : held->second.dependents) if (const auto found = entries_.find(uid); found != entries_.end()) work.push_back(found->second.key);
  }
  owners_waiting(subject.owners, work);
  unlink(subject.uid);
  entries_.erase(subject.uid);
  return work;
}

std::vector<keelson::Key> Graph::take_in(const Subject& subject, const keelson::Key& key, bool waits) {
  std::vector<keelson::Key> work;
  unlink(subject.uid);
  auto& entry = entries_[subject.uid];
  if (!(entry.owners == subject.owners)) owners_waiting(entry.owners, work);
  entry = {key, subject.owners, waits};
  link(subject.uid, subject.owners);
  const bool orphaned = std::any_of(subject.owners.begin(), subject.owners.end(), [&](const auto& owner) { return !stands(owner, key.ns); });
  if (waits || orphaned) work.push_back(key);
  drop_if_idle(subject.uid);
  return work;
}

bool Graph::stands(const OwnerReference& owner, std::string_view ns) const {
  const auto found = entries_.find(owner.uid);
  if (found == entries_.end() || found->second.waits_for_dependents) return false;
  const auto& its = found->second.key;
  return its.name.substr(its.name.find('/') + 1) == owner.name && (its.ns.empty() || its.ns == ns);
}

void Graph::link(const std::string& uid, const std::vector<OwnerReference>& owners) {
  for (const auto& owner : owners) owned_[owner.uid].dependents[uid] = owner.blockOwnerDeletion.value_or(false);
}

void Graph::unlink(const std::string& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  for (const auto& owner : found->second.owners) {
    const auto held = owned_.find(owner.uid);
    if (held == owned_.end()) continue;
    held->second.dependents.erase(uid);
    if (!held->second.dependents.empty()) continue;
    owned_.erase(held);
    drop_if_idle(owner.uid);
  }
}

/// An object that has owners stays, so that unlink may call this while it reads the entry of one.
void Graph::drop_if_idle(const std::string& uid) {
  const auto found = entries_.find(uid);
  if (found != entries_.end() && found->second.owners.empty() && !found->second.waits_for_dependents && !owned_.contains(uid)) entries_.erase(found);
}

void Graph::owners_waiting(const std::vector<OwnerReference>& owners, std::vector<keelson::Key>& work) const {
  for (const auto& owner : owners) {
    const auto found = entries_.find(owner.uid);
    if (found != entries_.end() && found->second.waits_for_dependents) work.push_back(found->second.key);
  }
}

void Graph::learn(const std::string& owner_uid, const std::optional<keelson::Key>& where) {
  std::lock_guard lock(mutex_);
  const auto held = owned_.find(owner_uid);
  if (held == owned_.end() || held->second.owner_gone) return;
  if (!where) held->second.owner_gone = true;
  else entries_.try_emplace(owner_uid, Entry{*where, {}, false});
}

std::vector<Graph::Dependent> Graph::dependents(const std::string& owner_uid) const {
  std::lock_guard lock(mutex_);
  std::vector<Dependent> all;
  const auto held = owned_.find(owner_uid);
  if (held == owned_.end()) return all;
  for (const auto& [uid, blocks] : held->second.dependents) {
    if (const auto found = entries_.find(uid); found != entries_.end()) all.push_back({found->second.key, blocks, found->second.waits_for_dependents});
  }
  return all;
}

bool Graph::has_dependents(const std::string& owner_uid) const {
  std::lock_guard lock(mutex_);
  return owned_.contains(owner_uid);
}

Graph::Owner Graph::owner(const std::string& uid) const {
  std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(uid); found != entries_.end()) return {true, found->second.key};
  const auto held = owned_.find(uid);
  return {held != owned_.end() && held->second.owner_gone, std::nullopt};
}

}  // namespace gc
