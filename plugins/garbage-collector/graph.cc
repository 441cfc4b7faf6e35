#include "graph.hpp"

#include <algorithm>
#include <cstring>

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
  // Most objects have no owner: a search of the bytes is a tenth of a decode.
  static constexpr std::string_view kOwners = "\"ownerReferences\"";
  const std::string_view body = object.body();
  if (::memmem(body.data(), body.size(), kOwners.data(), kOwners.size()) == nullptr) return subject;
  subject.owners = keelson::decode<keelson::meta_v1::PartialObjectMetadata>(body).meta.ownerReferences;
  return subject;
}

std::vector<keelson::Key> Graph::update(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
  std::vector<keelson::Key> work;
  if (what == "synced") return work;
  const bool gone = what == "deleted";
  const auto& shown = gone ? before : now;
  const auto subject = subject_of(shown);
  const auto key = work_key(kind.storage_key, shown.ns(), shown.name());
  std::lock_guard lock(mutex_);
  if (gone) {
    if (const auto held = dependents_.find(subject.uid); held != dependents_.end()) {
      for (const auto& [uid, blocks] : held->second) if (const auto found = entries_.find(uid); found != entries_.end()) work.push_back(found->second.key);
    }
    owners_waiting(subject.owners, work);
    unlink(subject.uid);
    entries_.erase(subject.uid);
    return work;
  }
  const bool waits = subject.deleting && (subject.has(kForeground) || subject.has(kOrphan));
  unlink(subject.uid);
  auto& entry = entries_[subject.uid];
  if (!(entry.owners == subject.owners)) owners_waiting(entry.owners, work);
  entry = {key, subject.owners, waits};
  link(subject.uid, subject.owners);
  if (waits) work.push_back(key);
  const bool orphaned = std::any_of(subject.owners.begin(), subject.owners.end(), [&](const auto& owner) {
    const auto found = entries_.find(owner.uid);
    if (found == entries_.end() || found->second.waits_for_dependents) return true;
    const auto& its = found->second.key;
    return its.name.substr(its.name.find('/') + 1) != owner.name || (!its.ns.empty() && its.ns != key.ns);
  });
  if (orphaned) work.push_back(key);
  return work;
}

void Graph::link(const std::string& uid, const std::vector<OwnerReference>& owners) {
  for (const auto& owner : owners) dependents_[owner.uid][uid] = owner.blockOwnerDeletion.value_or(false);
}

void Graph::unlink(const std::string& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  for (const auto& owner : found->second.owners) {
    const auto held = dependents_.find(owner.uid);
    if (held == dependents_.end()) continue;
    held->second.erase(uid);
    if (held->second.empty()) dependents_.erase(held);
  }
}

void Graph::owners_waiting(const std::vector<OwnerReference>& owners, std::vector<keelson::Key>& work) const {
  for (const auto& owner : owners) {
    const auto found = entries_.find(owner.uid);
    if (found != entries_.end() && found->second.waits_for_dependents) work.push_back(found->second.key);
  }
}

std::vector<Graph::Dependent> Graph::dependents(const std::string& owner_uid) const {
  std::lock_guard lock(mutex_);
  std::vector<Dependent> all;
  const auto held = dependents_.find(owner_uid);
  if (held == dependents_.end()) return all;
  for (const auto& [uid, blocks] : held->second) {
    if (const auto found = entries_.find(uid); found != entries_.end()) all.push_back({found->second.key, blocks, found->second.waits_for_dependents});
  }
  return all;
}

bool Graph::has_dependents(const std::string& owner_uid) const {
  std::lock_guard lock(mutex_);
  return dependents_.contains(owner_uid);
}

std::optional<keelson::Key> Graph::where(const std::string& uid) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(uid);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.key);
}

}  // namespace gc
