#include "core/kinds/crd/compiled_definitions.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>

#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

struct Compiled {
  std::string uid;
  std::vector<Kind> kinds;
  std::size_t nodes;
};

struct Kept {
  std::mutex mutex;
  std::deque<Compiled> all;   // oldest first
  std::size_t nodes = 0;
};

/// Of a schema; it is not gone through beyond `most`.
std::size_t nodes_of(const Type* type, std::size_t most) {
  if (!type || most == 0) return 0;
  std::size_t out = 1 + nodes_of(type->element, most - 1);
  for (const Field& field : type->fields) {
    if (out >= most) break;
    out += nodes_of(field.type, most - out);
  }
  return out;
}

std::size_t nodes_of(const std::vector<Kind>& kinds) {
  std::size_t out = 0;
  for (const Kind& kind : kinds) out += nodes_of(kind.type.get(), kCompiledNodesKept + 1);
  return out;
}

Kept& kept() {
  static Kept one;
  return one;
}

std::vector<Kind> take(Kept& here, std::deque<Compiled>::iterator one) {
  auto kinds = std::move(one->kinds);
  here.nodes -= one->nodes;
  here.all.erase(one);
  return kinds;
}

std::vector<Kind> take(Kept& here, std::string_view uid) {
  const auto found = std::find_if(here.all.begin(), here.all.end(), [&](const Compiled& one) { return one.uid == uid; });
  return found == here.all.end() ? std::vector<Kind>() : take(here, found);
}

}  // namespace

void keep_compiled(std::string_view uid, std::vector<Kind> kinds) {
  const auto nodes = nodes_of(kinds);
  if (uid.empty() || nodes > kCompiledNodesKept) return;
  std::vector<std::vector<Kind>> gone;   // freed after the lock
  auto& here = kept();
  const std::lock_guard lock(here.mutex);
  gone.push_back(take(here, uid));
  here.all.push_back({std::string(uid), std::move(kinds), nodes});
  here.nodes += nodes;
  while (here.all.size() > kCompiledKept || here.nodes > kCompiledNodesKept) gone.push_back(take(here, here.all.begin()));
}

std::vector<Kind> take_compiled(std::string_view uid) {
  auto& here = kept();
  const std::lock_guard lock(here.mutex);
  return take(here, uid);
}

}  // namespace keelson::kinds
