// Lists and maps that expressions make.
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "core/cel/value.hpp"

namespace keelson::cel {
namespace {

class ConcatList final : public List {
 public:
  ConcatList(const List* left, const List* right, std::uint32_t depth) : left_(left), right_(right), depth_(depth), split_(left->size()) {}
  std::size_t size() const override { return split_ + right_->size(); }
  Value at(std::size_t index, Arena& arena) const override { return index < split_ ? left_->at(index, arena) : right_->at(index - split_, arena); }
  std::uint32_t depth() const { return depth_; }
  const List *left_, *right_;

 private:
  std::uint32_t depth_;
  std::size_t split_;
};

// How deep concatenations nest before they are copied flat: bounds the recursion of at().
constexpr std::uint32_t kConcatDepthMax = 64;
// No list has more items, whatever it is made of.
constexpr std::size_t kListItemsMax = 1u << 28;

std::uint32_t concat_depth(const List* list) {
  const auto* concat = dynamic_cast<const ConcatList*>(list);
  return concat == nullptr ? 0 : concat->depth();
}

std::size_t hash_of(const Value& key) {
  switch (key.kind) {
    case Kind::string: return std::hash<std::string_view>()(key.view());
    case Kind::boolean: return key.flag ? 3 : 5;
    case Kind::float64: return key.real == std::floor(key.real) && std::fabs(key.real) < 9.2e18
                                   ? std::hash<std::uint64_t>()(static_cast<std::uint64_t>(static_cast<std::int64_t>(key.real)))
                                   : std::hash<double>()(key.real);
    default: return std::hash<std::uint64_t>()(key.natural);
  }
}

bool same_key(const Value& left, const Value& right) {
  if (left.kind == Kind::string || left.kind == Kind::boolean) {
    if (left.kind != right.kind) return false;
    return left.kind == Kind::string ? left.view() == right.view() : left.flag == right.flag;
  }
  return same_number(left, right);
}

}  // namespace

const ArrayList* ArrayList::make(std::span<const Value> items, Arena& arena) {
  auto* buffer = arena.make<Buffer>();
  buffer->items = arena.array<Value>(items.size());
  std::copy(items.begin(), items.end(), buffer->items);
  buffer->used = buffer->capacity = items.size();
  return arena.make<ArrayList>(buffer, items.size());
}

const ArrayList* ArrayList::append(const Value& item, Arena& arena) const {
  auto* buffer = buffer_;
  if (buffer->used != size_ || buffer->used == buffer->capacity) {
    buffer = arena.make<Buffer>();
    buffer->capacity = std::max<std::size_t>(8, size_ * 2);
    buffer->items = arena.array<Value>(buffer->capacity);
    buffer->used = size_;
    std::copy(buffer_->items, buffer_->items + size_, buffer->items);
  }
  buffer->items[buffer->used++] = item;
  return arena.make<ArrayList>(buffer, size_ + 1);
}

const List* concatenate(const List* left, const List* right, Arena& arena) {
  if (left->size() + right->size() > kListItemsMax) throw Stopped{kCostExceeded};
  if (right->size() == 0) return left;
  if (left->size() == 0) return right;
  if (right->size() == 1)
    if (const auto* array = dynamic_cast<const ArrayList*>(left)) return array->append(right->at(0, arena), arena);
  const auto depth = 1 + std::max(concat_depth(left), concat_depth(right));
  if (depth <= kConcatDepthMax) return arena.make<ConcatList>(left, right, depth);
  const auto first = items_of(*left, arena), second = items_of(*right, arena);
  auto* all = arena.array<Value>(first.size() + second.size());
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), all));
  return ArrayList::make({all, first.size() + second.size()}, arena);
}

std::span<const Value> items_of(const List& list, Arena& arena) {
  if (const auto* array = dynamic_cast<const ArrayList*>(&list)) return array->items();
  const auto size = list.size();
  auto* items = arena.array<Value>(size);
  for (std::size_t i = 0; i < size; ++i) items[i] = list.at(i, arena);
  return {items, size};
}

class BuiltMap final : public Map {
 public:
  struct Buffer {
    Value* keys;
    Value* values;
    std::uint32_t* slots;   // 1 + position, 0 free; power of two, at most half full
    std::size_t used, capacity;
  };
  BuiltMap(Buffer* buffer, std::size_t size, std::string_view type) : buffer_(buffer), size_(size), type_(type) {}
  static Buffer* buffer(std::size_t capacity, Arena& arena) {
    auto* made = arena.make<Buffer>();
    made->capacity = std::bit_ceil(std::max<std::size_t>(capacity, 4));
    made->keys = arena.array<Value>(made->capacity);
    made->values = arena.array<Value>(made->capacity);
    made->slots = arena.array<std::uint32_t>(made->capacity * 2);
    std::fill_n(made->slots, made->capacity * 2, 0u);
    made->used = 0;
    return made;
  }
  // The position of `key`, or where it would be put.
  static std::uint32_t* slot(Buffer& buffer, const Value& key) {
    const auto mask = buffer.capacity * 2 - 1;
    for (auto at = hash_of(key) * 0x9E3779B97F4A7C15ull >> 20 & mask;; at = (at + 1) & mask)
      if (buffer.slots[at] == 0 || same_key(buffer.keys[buffer.slots[at] - 1], key)) return &buffer.slots[at];
  }
  static void put(Buffer& buffer, const Value& key, const Value& value) {
    auto* place = slot(buffer, key);
    if (*place != 0) {
      buffer.values[*place - 1] = value;
      return;
    }
    buffer.keys[buffer.used] = key;
    buffer.values[buffer.used] = value;
    *place = static_cast<std::uint32_t>(++buffer.used);
  }
  std::size_t size() const override { return size_; }
  bool find(const Value& key, Value& value, Arena&) const override {
    const auto place = *slot(*buffer_, key);
    if (place == 0 || place > size_) return false;
    value = buffer_->values[place - 1];
    return true;
  }
  Value key_at(std::size_t index, Arena&) const override { return buffer_->keys[index]; }
  Value value_at(std::size_t index, Arena&) const override { return buffer_->values[index]; }
  std::string_view type_name() const override { return type_; }
  const BuiltMap* with(const Value& key, const Value& value, Arena& arena) const {
    auto* target = buffer_;
    if (buffer_->used != size_ || buffer_->used == buffer_->capacity) {
      target = buffer(size_ * 2, arena);
      for (std::size_t i = 0; i < size_; ++i) put(*target, buffer_->keys[i], buffer_->values[i]);
    }
    put(*target, key, value);
    return arena.make<BuiltMap>(target, size_ + 1, type_);
  }

 private:
  Buffer* buffer_;
  std::size_t size_;
  std::string_view type_;
};

const Map* make_struct(std::string_view type, std::span<const Value> keys, std::span<const Value> values, Arena& arena) {
  auto* buffer = BuiltMap::buffer(keys.size(), arena);
  for (std::size_t i = 0; i < keys.size(); ++i) BuiltMap::put(*buffer, keys[i], values[i]);
  return arena.make<BuiltMap>(buffer, buffer->used, type);
}

const Map* make_map(std::span<const Value> keys, std::span<const Value> values, Arena& arena) { return make_struct({}, keys, values, arena); }

Value insert(const Map* map, const Value& key, const Value& value, Arena& arena) {
  Value old;
  if (map->find(key, old, arena)) return error_text(arena, "insert failed: key " + display(key, arena) + " already exists");
  const auto* built = dynamic_cast<const BuiltMap*>(map);
  if (built == nullptr) {
    auto* buffer = BuiltMap::buffer(map->size() + 1, arena);
    for (std::size_t i = 0; i < map->size(); ++i) BuiltMap::put(*buffer, map->key_at(i, arena), map->value_at(i, arena));
    built = arena.make<BuiltMap>(buffer, buffer->used, std::string_view{});
  }
  return Value::of(built->with(key, value, arena));
}

}  // namespace keelson::cel
