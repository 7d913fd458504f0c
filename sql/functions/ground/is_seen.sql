-- is_seen: whether a text can be read whole as a name: it has a visible character, and none that is invisible
-- or changes the direction of the surrounding text (kronos/unseen.py has the same rule and explains it).
create or replace function kronos.is_seen(p_text text) returns boolean
language sql immutable parallel safe
as $$
    -- spaces by their codes: what \s matches depends on the locale
    select p_text ~ '[^ \u00a0\u1680\u2000-\u200a\u200c\u200d\u202f\u205f\u3000]'
       and p_text !~ ('[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f'
                      '\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb'
                      '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
                      '|(?<![^\u0001-\u007f])[\u200c\u200d]|[\u200c\u200d](?![^\u0001-\u007f])')
$$;
