-- Kept free for widening sharing for a while, which is made beside this.
select 1;
