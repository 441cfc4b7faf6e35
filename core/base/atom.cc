#include "core/base/atom.hpp"

#include <mutex>
#include <shared_mutex>
#include <unordered_set>

namespace keelson::base {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

class Table {
 public:
  const std::string* intern(std::string_view text) {
    {
      std::shared_lock lock(mutex_);
      if (const auto found = texts_.find(text); found != texts_.end()) return &*found;
    }
    std::unique_lock lock(mutex_);
    return &*texts_.emplace(text).first;
  }

 private:
  std::shared_mutex mutex_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
};

// Never destroyed: Atoms in other static objects may outlive any order of destruction.
Table& table() {
  static Table& instance = *new Table;
  return instance;
}

}  // namespace

Atom::Atom() {
  static const std::string* const empty = table().intern("");
  text_ = empty;
}

Atom::Atom(std::string_view text) : text_(table().intern(text)) {}

}  // namespace keelson::base
