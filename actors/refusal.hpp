// How a core says no: one error_reply to the sender, naming what was refused and why.
// Pure function of its arguments.
#pragma once

#include "actors/role.hpp"
#include "kernels/base/error.hpp"

namespace freshet::actors {

/// An error_reply is never answered, so two roles cannot refuse each other for ever.
inline void refuse(const topology::address& to, const topology::any_message& refused, const error& why, outbox& out) {
  if (std::holds_alternative<topology::error_reply>(refused)) return;
  out.send(to, topology::error_reply{static_cast<std::uint8_t>(why.code), why.text(), topology::number_of(refused)});
}

/// For messages that are not meant for this role.
inline void refuse_unknown(std::string_view role, const topology::address& to, const topology::any_message& refused,
                           outbox& out) {
  refuse(to, refused,
         error{errc::unsupported, std::string(role) + " has no use for " + std::string(topology::name_of(refused))},
         out);
}

}  // namespace freshet::actors
