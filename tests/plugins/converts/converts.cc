// Converts Buoys of a stored definition, by JSON: v1 to v2 in one step, and back.
#include <keelson/sdk.hpp>

#include <boost/json.hpp>

namespace {

namespace json = boost::json;
using keelson::Context;
using keelson::Outcome;

constexpr keelson::Gvk kOld{"example.keelson.dev", "v1", "Buoy", "buoys"}, kNew{"example.keelson.dev", "v2", "Buoy", "buoys"};

Outcome<std::string> convert(Context&, std::string_view text, std::string_view to) {
  auto buoy = json::parse(text).as_object();
  auto& spec = buoy.at("spec").as_object();
  if (to == "v2") {
    const std::string place(spec.at("place").as_string());
    const auto colon = place.find(':');
    spec = {{"host", place.substr(0, colon)}, {"port", std::stoi(place.substr(colon + 1))}};
  } else {
    spec = {{"place", keelson::str(std::string(spec.at("host").as_string()), ":", spec.at("port").as_int64())}};
  }
  buoy["apiVersion"] = "example.keelson.dev/" + std::string(to);
  return json::serialize(buoy);
}

}  // namespace

KEELSON_PLUGIN("converts", "0.1.0", setup) {
  setup.converter(kOld, kNew, convert);
  setup.converter(kNew, kOld, convert);
}
