#include "core/base/json_value.hpp"

#include <boost/json/parse.hpp>

namespace keelson::base {
namespace {

boost::json::parse_options deep() {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  return options;
}

}  // namespace

boost::json::value json_of(std::string_view text, boost::system::error_code& failed, boost::json::storage_ptr memory) { return boost::json::parse(text, failed, std::move(memory), deep()); }

boost::json::value json_of(std::string_view text, boost::json::storage_ptr memory) { return boost::json::parse(text, std::move(memory), deep()); }

}  // namespace keelson::base
