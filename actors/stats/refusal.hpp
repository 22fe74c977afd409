// The former place of actors/refusal.hpp.
#pragma once

#include "actors/refusal.hpp"
