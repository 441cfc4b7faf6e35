// NodePoints: the node agent's side of node.hpp: the points that it owns, and how it asks.
//
// Threads: values of one call. Errors: code 403: refused for good; anything else: could not be answered, try again.
#pragma once
#include <string>
#include <vector>

#include <keelson/plugin.hpp>

namespace keelson {

class NodePoints {
 public:
  /// In KEELSON_PLUGIN of a node agent.
  static void declare(Setup& setup);
  NodePoints(Context& ctx, std::string_view node) : ctx_(ctx), node_(node) {}
  Outcome<void> admit(const ObjectHandle& pod);
  /// Addresses to use instead of `addresses`; none: those stay.
  Outcome<std::vector<std::string>> attach(const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses = {});
  Outcome<void> detach(const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses = {});

 private:
  Outcome<std::vector<HookAnswer>> ask(std::string_view point, const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses);
  Context& ctx_;
  const std::string node_;
};

}  // namespace keelson
