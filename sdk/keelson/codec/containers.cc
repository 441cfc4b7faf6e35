// The containers that values.hpp declares as compiled elsewhere.
#include <keelson/values.hpp>

template class std::vector<std::string>;
template class std::map<std::string, std::string>;
template class std::map<std::string, keelson::Quantity>;
template class std::variant<std::int32_t, std::string>;
