#include "core/plugins/index.hpp"

namespace keelson::plugins {

std::string_view controller_uid(const store::Object& object) {
  for (const auto& owner : object.columns().owners)
    if (owner.controller) return owner.uid;
  return {};
}

namespace {

std::string_view value_of(const store::Object& object, int column) {
  if (column == kByOwner) return controller_uid(object);
  const auto& fields = object.columns().fields;
  const auto at = static_cast<std::size_t>(column);
  return at < fields.size() ? fields[at] : std::string_view();
}

}  // namespace

void Indexes::Index::add(const store::ObjectRef& object) {
  const auto value = value_of(*object, column);
  if (!value.empty()) objects[std::string(value)].insert(object);
}

void Indexes::Index::remove(const store::ObjectRef& object) {
  const auto value = value_of(*object, column);
  const auto found = value.empty() ? objects.end() : objects.find(std::string(value));
  if (found == objects.end()) return;
  found->second.erase(object);
  if (found->second.empty()) objects.erase(found);
}

Indexes::Index& Indexes::built(store::Atom resource, int column) {
  auto& all = indexes_[resource];
  for (auto& index : all)
    if (index.column == column) return index;
  auto& index = all.emplace_back();
  index.column = column;
  const auto snapshot = store_.snapshot();
  index.revision = snapshot.revision();
  snapshot.scan(resource, {}, nullptr, [&](const store::ObjectRef& object) {
    index.add(object);
    return true;
  });
  return index;
}

std::vector<store::ObjectRef> Indexes::find(store::Atom resource, int column, const std::string& value) {
  const std::lock_guard lock(mutex_);
  const auto& index = built(resource, column);
  const auto found = index.objects.find(value);
  if (found == index.objects.end()) return {};
  return {found->second.begin(), found->second.end()};
}

void Indexes::apply(std::span<const store::Change> changes) {
  const std::lock_guard lock(mutex_);
  for (const auto& change : changes) {
    const auto all = indexes_.find(change.object->key().resource);
    if (all == indexes_.end()) continue;
    for (auto& index : all->second) {
      if (change.revision <= index.revision) continue;   // built from a snapshot that had it
      index.revision = change.revision;
      if (change.previous) index.remove(change.previous);
      if (change.type != store::ChangeType::deleted) index.add(change.object);
    }
  }
}

}  // namespace keelson::plugins
