#include "core/watch/index.hpp"

#include <algorithm>

namespace keelson::watch {
namespace {

std::string name_bucket(std::string_view name) { return "n" + std::string(name); }
std::string ns_bucket(std::string_view ns) { return "s" + std::string(ns); }
std::string field_bucket(std::size_t column, std::string_view value) { return "f" + std::to_string(column) + "=" + std::string(value); }
std::string label_bucket(std::string_view key, std::string_view value) { return "l" + std::string(key) + "=" + std::string(value); }
constexpr std::string_view kAllBucket = "a";

std::string group_id(const WatchRequest& request) {
  std::string id(request.resource.text());
  id += '\n';
  id += request.ns;
  id += '\n';
  id += request.encoding.id;
  id += '\n';
  return id + request.selector.canonical();
}

}  // namespace

std::size_t* Index::counter_of(PerResource& resource, const std::string& bucket) {
  switch (bucket.front()) {
    case 'n': return &resource.by_name;
    case 'f': return &resource.by_field;
    case 'l': return &resource.by_label;
    default: return nullptr;
  }
}

std::string Index::bucket_for(const PerResource& resource, const Group& group) const {
  if (const auto* name = group.selector.fixed_name()) return name_bucket(*name);
  for (const auto& field : group.selector.fields)
    if (field.target == FieldRequirement::Target::column && !field.negated) return field_bucket(field.column, field.value);
  std::string best;
  std::size_t best_size = SIZE_MAX;
  for (const auto& label : group.selector.labels) {
    if (label.op != LabelRequirement::Op::equals || label.values.size() != 1) continue;
    auto bucket = label_bucket(label.key.text(), label.values.front());
    const auto found = resource.buckets.find(bucket);
    const std::size_t size = found == resource.buckets.end() ? 0 : found->second.size();
    if (size < best_size) best = std::move(bucket), best_size = size;
  }
  if (!best.empty()) return best;
  return group.ns.empty() ? std::string(kAllBucket) : ns_bucket(group.ns);
}

GroupRef Index::join(const WatchRequest& request) {
  auto& slot = groups_[group_id(request)];
  if (slot) return slot;
  slot = std::make_shared<Group>();
  slot->id = group_id(request);
  slot->resource = request.resource;
  slot->ns = request.ns;
  slot->selector = request.selector;
  slot->encoding = request.encoding;
  auto& resource = resources_[request.resource];
  slot->bucket = bucket_for(resource, *slot);
  resource.buckets[slot->bucket].push_back(slot);
  if (auto* count = counter_of(resource, slot->bucket)) ++*count;
  return slot;
}

void Index::leave(const GroupRef& group) {
  if (!group->members.empty() || !groups_.erase(group->id)) return;
  auto& resource = resources_[group->resource];
  auto& bucket = resource.buckets[group->bucket];
  bucket.erase(std::find(bucket.begin(), bucket.end(), group));
  if (bucket.empty()) resource.buckets.erase(group->bucket);
  if (auto* count = counter_of(resource, group->bucket)) --*count;
  if (resource.buckets.empty()) resources_.erase(group->resource);
}

void Index::candidates(const store::Change& change, const std::function<void(const GroupRef&)>& visit) {
  const auto found = resources_.find(change.object->key().resource);
  if (found == resources_.end()) return;
  const PerResource& resource = found->second;
  ++change_;
  const auto look = [&](const std::string& bucket) {
    const auto groups = resource.buckets.find(bucket);
    if (groups == resource.buckets.end()) return;
    for (const auto& group : groups->second)
      if (std::exchange(group->visited, change_) != change_) visit(group);
  };
  const auto look_state = [&](const store::ColumnsView& columns) {
    for (std::size_t i = 0; resource.by_field && i < columns.fields.size(); ++i) look(field_bucket(i, columns.fields[i]));
    if (resource.by_label)
      for (const auto& [key, value] : columns.labels) look(label_bucket(key.text(), value));
  };
  look(std::string(kAllBucket));
  if (!change.object->key().ns.empty()) look(ns_bucket(change.object->key().ns));
  if (resource.by_name) look(name_bucket(change.object->key().name));
  look_state(change.object->columns());
  if (change.previous) look_state(change.previous->columns());
}

void Index::each(const std::function<void(const GroupRef&)>& visit) const {
  for (const auto& [id, group] : groups_) visit(group);
}

}  // namespace keelson::watch
