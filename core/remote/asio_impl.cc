// Asio's TLS, compiled once: every other file sees declarations only.
#include <boost/asio/ssl/impl/src.hpp>
