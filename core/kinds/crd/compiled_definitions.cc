#include "core/kinds/crd/compiled_definitions.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>

namespace keelson::kinds {
namespace {

struct Compiled {
  std::string uid;
  std::vector<Kind> kinds;
};

struct Kept {
  std::mutex mutex;
  std::deque<Compiled> all;   // oldest first
};

Kept& kept() {
  static Kept one;
  return one;
}

std::vector<Kind> taken(std::deque<Compiled>& all, std::string_view uid) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Compiled& one) { return one.uid == uid; });
  if (found == all.end()) return {};
  auto kinds = std::move(found->kinds);
  all.erase(found);
  return kinds;
}

}  // namespace

void keep_compiled(std::string_view uid, std::vector<Kind> kinds) {
  if (uid.empty()) return;
  std::vector<Kind> gone, oldest;   // freed after the lock
  auto& here = kept();
  const std::lock_guard lock(here.mutex);
  gone = taken(here.all, uid);
  here.all.push_back({std::string(uid), std::move(kinds)});
  if (here.all.size() <= kCompiledKept) return;
  oldest = std::move(here.all.front().kinds);
  here.all.pop_front();
}

std::vector<Kind> take_compiled(std::string_view uid) {
  auto& here = kept();
  const std::lock_guard lock(here.mutex);
  return taken(here.all, uid);
}

}  // namespace keelson::kinds
