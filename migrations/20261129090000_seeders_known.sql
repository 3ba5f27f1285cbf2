-- SPDX-License-Identifier: Apache-2.0
-- Whether an indexer said how many seeders there are; "seeders" is 0 where it did not. A program of the version before
-- writes only "seeders", so a number above 0 is known whatever this column says.
ALTER TABLE releases ADD COLUMN seeders_known boolean NOT NULL DEFAULT true;
