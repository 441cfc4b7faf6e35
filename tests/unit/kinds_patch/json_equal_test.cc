#include "core/kinds/json_equal.hpp"
#include "support.hpp"

using namespace kinds_test;
using keelson::kinds::same_json;

TEST_CASE("JSON values are the same whatever the order of their members") {
  CHECK(same_json(js("{'a':[1,'x',null,true,{}],'b':{'c':1.5}}"), js("{'b':{'c':1.5},'a':[1,'x',null,true,{}]}")));
  CHECK(same_json(json::value(std::int64_t{5}), json::value(std::uint64_t{5})));
  CHECK_FALSE(same_json(js("{'a':1}"), js("{'a':1,'b':2}")));
  CHECK_FALSE(same_json(js("{'a':1,'b':2}"), js("{'a':1,'c':2}")));
  CHECK_FALSE(same_json(js("[1,2]"), js("[2,1]")));
  CHECK_FALSE(same_json(js("{'a':null}"), js("{'a':false}")));
  CHECK_FALSE(same_json(js("'a'"), js("'b'")));
}
