#include "core/kinds/type.hpp"

#include <algorithm>
#include <cstring>

#include "core/kinds/builtin.hpp"

namespace keelson::kinds {
namespace {

std::uint64_t load(const char* p, std::size_t n) {
  std::uint64_t value = 0;
  std::memcpy(&value, p, n);
  return value;
}

/// The first n bytes as a little-endian number, n < 8, without a loop.
std::uint64_t load_short(const char* p, std::size_t n) {
  if (n >= 4) return load(p, 4) | load(p + n - 4, 4) << (8 * (n - 4));
  if (n == 0) return 0;
  const auto byte = [p](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(p[at])} << (8 * at); };
  return byte(0) | byte(n / 2) | byte(n - 1);
}

/// The same number as _mix() of tools/kindc/cpp.py.
std::uint64_t mix(std::string_view name) {
  const std::size_t n = name.size();
  const std::uint64_t head = n >= 8 ? load(name.data(), 8) : load_short(name.data(), n);
  const std::uint64_t tail = n >= 8 ? load(name.data() + n - 8, 8) : head;
  return head ^ tail * 0xC2B2AE3D27D4EB4Fu ^ static_cast<std::uint64_t>(n) << 56;
}

}  // namespace

const Field* find_field(const Type& type, std::string_view name) {
  if (type.index == nullptr) {
    const auto found = std::find_if(type.fields.begin(), type.fields.end(), [&](const Field& f) { return f.name == name; });
    return found == type.fields.end() ? nullptr : &*found;
  }
  const std::uint8_t position = type.index->slots[mix(name) * type.index->multiplier >> type.index->shift];
  if (position == FieldIndex::kNoField) return nullptr;
  const Field& field = type.fields[position];
  return field.name == name ? &field : nullptr;
}

const Type* builtin_type(std::string_view name) {
  const auto types = builtin_types();
  const auto found = std::lower_bound(types.begin(), types.end(), name,
                                      [](const Type& type, std::string_view wanted) { return type.name < wanted; });
  return found != types.end() && found->name == name ? &*found : nullptr;
}

}  // namespace keelson::kinds
