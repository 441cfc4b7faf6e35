// The content of a namespace that is being deleted: pods first, then everything else, and what is said about it.
#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <keelson/sdk.hpp>

namespace namespaces {

/// Namespaces that are being emptied: a deletion inside one of them wakes its key, a change of an APIService all of them. Threads: any.
class Ending {
 public:
  void begin(const std::string& ns) { std::lock_guard lock(mutex_); names_.insert(ns); }
  void over(const std::string& ns) { std::lock_guard lock(mutex_); names_.erase(ns); }
  bool has(std::string_view ns) const { std::lock_guard lock(mutex_); return names_.contains(ns); }
  std::vector<keelson::Key> keys() const {
    std::lock_guard lock(mutex_);
    std::vector<keelson::Key> all;
    for (const auto& name : names_) all.push_back({"", name});
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> names_;
};

/// What one pass left behind.
struct Remains {
  std::map<std::string, int> instances;     ///< "pods." -> count, as the condition prints it: resource.group
  std::map<std::string, int> finalizers;
  std::vector<std::string> failures;
  std::vector<std::string> undiscovered;    ///< groups of others whose server does not tell what it has
  bool elsewhere = false;                   ///< some of what stays is another server's, whose deletions nobody tells
  int remaining() const;
};

/// Deletes what is there and counts what stays. While pods remain nothing else is touched.
Remains delete_content(keelson::Context& ctx, const std::string& ns);

/// The five conditions of a terminating namespace.
void note_conditions(keelson::core_v1::Namespace& ns, const Remains& remains, keelson::Time now);

}  // namespace namespaces
