// CEL: parsing, checking and running within bounds.
#include <boost/json.hpp>

#include "core/cel/json_schema.hpp"
#include "core/cel/program.hpp"
#include "core/kinds/parse.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keelson;
using namespace keelson::fuzz;
namespace json = boost::json;

constexpr std::uint64_t kCostMax = 100'000;

struct Answer {
  std::string text;
  std::uint64_t cost = 0;
};

Answer evaluated(const cel::Program& program, const json::value& self) {
  const cel::Binding bindings[] = {{&self}, {nullptr}};
  cel::Arena arena;
  const auto result = program.run(bindings, arena, {.cost_max = kCostMax});
  must(result.exceeded || result.cost <= kCostMax, "an expression went on beyond its budget");
  json::value value;
  if (!result.ok()) return {"error: " + result.error, result.cost};
  return {cel::to_json(result.value, value, arena) ? json::serialize(value) : "no JSON", result.cost};
}

}  // namespace

KEELSON_FUZZ(cel, bytes) {
  const bool objects = (take(bytes) & 1) != 0;
  const auto [expression, self_text] = two(bytes);
  auto self = kinds::parse_json(self_text, {});
  if (!self.fault.empty()) self.value = json::object{{"a", 1}, {"list", {1, 2, 3}}, {"text", "abc"}};
  cel::Environment environment;
  environment.with("self").with("oldSelf");
  environment.objects = objects;
  const auto compiled = cel::compile(environment, expression, {.estimate = true});
  if (compiled.fault != cel::Fault::none) return must(!compiled.error.empty() && !compiled.program, "refused without a word");
  const auto once = evaluated(*compiled.program, self.value), again = evaluated(*compiled.program, self.value);
  must_equal(again.text, once.text, "the same expression has two values");
  must(again.cost == once.cost, "the same expression has two costs");
}
