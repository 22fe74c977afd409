// The former place of actors/offer_content.hpp.
#pragma once

#include "actors/offer_content.hpp"
